"""What the encoder made of texts, as bytes and back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.orm import Session

from service.grader import KeptQuestion
from service.grader.signals import Embedded
from service.models import AnswerVectorsRow, QuestionVectorsRow


class QuestionVectors:
    """Vectors of question versions, inside a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, version_id: UUID, encoder_revision: str) -> KeptQuestion | None:
        """What an encoder made of a version; None if nobody kept it."""
        row = self._session.get(QuestionVectorsRow, (version_id, encoder_revision))
        if row is None:
            return None
        return KeptQuestion(said=unpacked(row, row.background), texts=row.texts)

    def put(self, version_id: UUID, encoder_revision: str, kept: KeptQuestion) -> None:
        """Keep it, instead of what was kept before."""
        values = {"texts": kept.texts, **packed(kept.said)}
        key = {"version_id": version_id, "encoder_revision": encoder_revision}
        self._session.execute(
            insert_or(QuestionVectorsRow)
            .values(key | values)
            .on_conflict_do_update(
                index_elements=[
                    QuestionVectorsRow.version_id,
                    QuestionVectorsRow.encoder_revision,
                ],
                set_=values,
            )
        )


def packed(said: Embedded) -> dict[str, Any]:
    """The columns that hold it."""
    return {
        "dimension": said.vectors.shape[1],
        # Whatever the machine, the bytes in the database have one order.
        "vectors": said.vectors.astype("<f2").tobytes(),
        "token_dimension": said.token_dimension,
        "tokens": b"".join(tokens.tobytes() for tokens in said.tokens),
        "token_counts": [len(tokens) for tokens in said.tokens],
        "background": said.background,
    }


def unpacked(row: QuestionVectorsRow | AnswerVectorsRow, background: str) -> Embedded:
    """What the columns of a row hold."""
    texts = len(row.token_counts)
    ends = np.cumsum(row.token_counts, dtype=int)[:-1]
    tokens = np.frombuffer(row.tokens, dtype=np.int8).reshape(-1, row.token_dimension)
    vectors = np.frombuffer(row.vectors, dtype="<f2").reshape(texts, row.dimension)
    return Embedded(
        vectors=vectors.astype(np.float32),
        tokens=tuple(np.split(tokens, ends)) if texts else (),
        token_dimension=row.token_dimension,
        background=background,
    )
