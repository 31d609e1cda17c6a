"""What one would write without Pointmark: embed everything, compare, add up. For comparison only.

A Flask route that calls `SentenceTransformer.encode`, torch in fp32, on the answer's sentences and
on the reference points, for each request. Nothing is validated, stored, calibrated or explained, so
it does less work than the service besides the embedding.

Two sets of reference points, chosen in the request: ``all`` is every wording of every point, which
is what Pointmark compares with; ``statements`` is one English sentence a point, the least that can
be called grading by points.
"""

from __future__ import annotations

import os
import re
from typing import Any

import torch
from flask import Flask, request
from sentence_transformers import SentenceTransformer

from bench.references import references

# One inference thread a process, as in the service; torch would take all processors for each.
torch.set_num_threads(int(os.environ["BENCH_THREADS"]))

app = Flask(__name__)
model = SentenceTransformer(os.environ["BENCH_MODEL"], device="cpu")
_REFERENCES = references()
_CLOSE = 0.85


@app.get("/ready")
def ready() -> dict[str, Any]:
    """That the model is loaded: this module is imported by then."""
    return {"ready": True}


@app.post("/grade")
def grade() -> dict[str, Any]:
    """Grade an answer."""
    body = request.get_json()
    points = _REFERENCES[body["references"]]
    sentences = [part for part in re.split(r"(?<=[.!?。！？])\s*", body["answer"]) if part]
    answer = model.encode(sentences, normalize_embeddings=True, show_progress_bar=False)
    reference = model.encode(
        [text for _, text in points], normalize_embeddings=True, show_progress_bar=False
    )
    best: dict[str, float] = {}
    for (key, _), similarity in zip(points, (reference @ answer.T).max(axis=1), strict=True):
        best[key] = max(best.get(key, -1.0), float(similarity))
    met = [key for key, similarity in best.items() if similarity >= _CLOSE]
    return {"score": round(100 * len(met) / len(best), 1), "points": best}
