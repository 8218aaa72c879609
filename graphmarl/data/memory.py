"""Memory of a device."""

import psutil
import torch


def check_memory(size: int, capacity: int, device: torch.device) -> None:
    """Refuse a replay that does not fit into the memory that is available.

    Args:
        size: bytes of the replay.
        capacity: its steps.
        device: where it would be.

    Raises:
        MemoryError: says what is needed, what there is and which options lower it.
    """
    if device.type == "cuda":
        there, where = torch.cuda.mem_get_info(device)[0], f" on {device}"
    else:
        there, where = psutil.virtual_memory().available, ""
    if size > there:
        raise MemoryError(
            f"a replay of buffer_size = {capacity:,} steps takes {size / 2**30:,.1f} GiB; "
            f"{there / 2**30:,.1f} GiB are available{where}. "
            "Lower buffer_size, or use half_precision"
        )
