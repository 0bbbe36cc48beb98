"""Mixed precision: matrix products in bfloat16, weights and loss in float32."""

from shared.config import UsageError

from ..model import Sequential


def use_mixed_precision(model: Sequential, device: str) -> None:
    """Compute all layers but the last in bfloat16; weights, logits and loss stay float32.

    Micikevicius et al., "Mixed Precision Training" (2018); bfloat16 has float32's range, so the
    loss needs no scaling.

    Raises:
        UsageError: NumPy has no bfloat16.
    """
    raise UsageError("--precision bfloat16: expected full, because NumPy has no bfloat16.")
