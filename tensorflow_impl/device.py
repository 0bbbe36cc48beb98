"""Where the network runs, and in which arithmetic."""

import keras
import tensorflow as tf

from shared.config import DeviceName, FloatType
from shared.errors import UsageError


def choose_device(
    name: DeviceName, float_type: FloatType
) -> tf.config.PhysicalDevice:
    """The device of this name, or for `auto` the best here: a GPU or the CPU.

    Also makes `float_type` the type of every weight created from now on.

    Raises:
        UsageError: this machine or this build of the framework has no such
            device.
    """
    keras.config.set_floatx(float_type)
    keras.config.set_dtype_policy(float_type)  # DIFF-20
    tf.config.experimental.enable_tensor_float_32_execution(False)  # DIFF-14
    gpus = tf.config.list_physical_devices("GPU")
    built_with_cuda = tf.test.is_built_with_cuda()
    available: dict[DeviceName, bool] = {
        "cuda": bool(gpus) and built_with_cuda,
        # Apple's GPUs have no float64.
        "mps": bool(gpus) and not built_with_cuda and float_type == "float32",
        "cpu": True,
    }
    if name == "auto":
        name = next(candidate for candidate, here in available.items() if here)
    if not available[name]:
        here = ", ".join(
            candidate for candidate, here in available.items() if here
        )
        raise UsageError(
            f"--device {name}: TensorFlow {tf.__version__} finds no such "
            f"device here for {float_type}; expected auto or one of: {here}."
        )
    if name == "cpu":
        # TensorFlow puts everything on a GPU it sees.
        tf.config.set_visible_devices([], "GPU")  # DIFF-16
        return tf.config.list_physical_devices("CPU")[0]
    return gpus[0]


def describe_device(device: tf.config.PhysicalDevice) -> str:
    """The device's kind and model: `cpu`, `cuda (NVIDIA H200)`, `mps`."""
    if device.device_type == "CPU":
        return "cpu"
    if not tf.test.is_built_with_cuda():
        return "mps"
    details = tf.config.experimental.get_device_details(device)
    return f"cuda ({details['device_name']})"


def synchronize(device: tf.config.PhysicalDevice) -> None:
    """Wait until the device has finished; otherwise a clock reads early."""
    if device.device_type == "GPU":
        tf.test.experimental.sync_devices()


def peak_device_memory(device: tf.config.PhysicalDevice) -> int | None:
    """The most GPU memory that tensors held, in bytes; None if unknown."""
    if device.device_type == "GPU" and tf.test.is_built_with_cuda():
        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return None
