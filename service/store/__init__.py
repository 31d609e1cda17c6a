"""Every query and transaction: rows to words of the domain and back.

`Store` opens transactions; what can be done in one is grouped by what it is about:
`tx.questions`, `tx.attempts`, `tx.keys`. Nothing outside this package writes SQL.
"""

from service.store.connections import driver_address, make_engine
from service.store.core import Store, Transaction
from service.store.jobs import Job
from service.store.schema import migrate

__all__ = [
    "Job",
    "Store",
    "Transaction",
    "driver_address",
    "make_engine",
    "migrate",
]
