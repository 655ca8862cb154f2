"""torch does much of its importing when it is first used: here it is used once, before anybody waits for it."""

from __future__ import annotations

import ctypes
import mmap
from pathlib import Path


def warm_torch() -> None:
    """Use what training uses, on one thread: a process that forks after this has all of it in memory."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    for name in ("SGD", "Adam", "AdamW", "RMSprop"):
        model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.1)
        data = torch.utils.data.TensorDataset(torch.ones(2, 4), torch.tensor([0, 1]))
        for inputs, targets in torch.utils.data.DataLoader(data, batch_size=2, shuffle=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
    repr(torch.randn(2, 2, requires_grad=True))
    torch.manual_seed(0)


def forget_code() -> None:
    """Give back the pages of the libraries' code: importing has touched most of them, and little of it runs again.

    They stay in the file system's cache, and each comes back when it is used. Only code that can't be written is given
    back, so nothing that this process has changed is lost.
    """
    try:
        areas = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return
    libc = ctypes.CDLL(None)
    for line in areas:
        fields = line.split(maxsplit=5)
        if fields[1] == "r-xp" and len(fields) == 6 and fields[5].startswith("/"):
            first, last = (int(end, 16) for end in fields[0].split("-"))
            libc.madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), mmap.MADV_DONTNEED)
