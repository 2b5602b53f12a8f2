"""The text side of composed retrieval: words to one vector, as TIRG's published code does it (Vo et al. 2019)."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["Wording"]


class Wording(nn.Module):  # type: ignore[misc]  # torch is not followed by the type checker
    """An LSTM over the words' own vectors, its output at the last word, and a linear layer; all of ``dim``."""

    def __init__(self, words: int, dim: int) -> None:
        """``words``: how many ids there are, that of the unknown word among them."""
        super().__init__()
        self.embedding_layer = nn.Embedding(words, dim)
        self.lstm = nn.LSTM(dim, dim, batch_first=True)
        self.fc_output = nn.Sequential(nn.Dropout(0.1), nn.Linear(dim, dim))

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """(n, length) int64 ids, and (n,) int64 how many of each row count, 1 or more: (n, dim).

        What stands after a row's length has no part in its vector.
        """
        outputs, _ = self.lstm(self.embedding_layer(ids))
        last = (lengths - 1)[:, None, None].expand(-1, 1, outputs.shape[2])
        return self.fc_output(outputs.gather(1, last).squeeze(1))
