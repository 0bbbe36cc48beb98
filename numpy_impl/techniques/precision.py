"""Mixed precision: matrix products in 16 bits, weights and loss in float32."""

from shared.errors import UsageError

from ..model import Sequential


def use_mixed_precision(
    model: Sequential, precision: str, device: str
) -> None:
    """Compute all layers but the last in this type; weights stay float32.

    Micikevicius et al., "Mixed Precision Training" (2018); bfloat16 has
    float32's range, so only float16 needs `scale_gradients`.

    Raises:
        UsageError: NumPy has no mixed precision.
    """
    raise UsageError(
        f"--precision {precision}: expected full; NumPy has no mixed "
        "precision."
    )
