"""Program of the process that `napari_gdls.io.hdf5_watch` asks first: walks through HDF5 files, whatever that does.

It reads a file name in JSON from each line of its input, visits all that is in that file but the numbers, and answers
with a line. It stands alone, so that it starts quickly: run as a script, it imports h5py and nothing of this package.
"""

from __future__ import annotations

import json
import sys

_MOST_CPU = 2.0
"""Seconds of computing for one file: a thousand objects take 0.1 s. A file in which the library goes round in circles
takes all there is."""
_MOST_TEXTS = 10_000  # elements of a data set of texts that is read: they lie in the heap that damage makes circular
_MOST_MEMORY = 4 * 1024**3  # bytes of addresses, interpreter and libraries among them


def walk(name: str) -> None:
    """Visit groups, attributes and data sets of a file.

    Parameters
    ----------
    name : str
        Path of the file.

    Raises
    ------
    Exception
        Of any class, on damaged files.
    """
    import h5py

    with h5py.File(name, "r") as file:
        pending, seen = [file], set()
        while pending:
            item = pending.pop()
            for key in item.attrs:
                item.attrs.get(key)
            if isinstance(item, h5py.Group):
                for key in item:
                    link = item.get(key, getlink=True)
                    found = item.get(key) if isinstance(link, h5py.HardLink) else None
                    if found is not None and found.id.__hash__() not in seen:
                        seen.add(found.id.__hash__())
                        pending.append(found)
            elif isinstance(item, h5py.Dataset) and item.shape is not None:
                if item.chunks is not None:
                    item.id.get_num_chunks()
                if h5py.check_vlen_dtype(item.dtype) and item.size <= _MOST_TEXTS:
                    item[...]


def main() -> None:
    """Answer until the input ends."""
    try:
        import resource
        import signal

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        if hard == resource.RLIM_INFINITY or hard > _MOST_MEMORY:
            resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, hard))
        set_timer = signal.setitimer
        clock = signal.ITIMER_PROF
    except (ImportError, AttributeError, ValueError, OSError):  # Windows; whoever asks waits no longer than a minute
        set_timer = None
    import h5py

    print(f"ready {h5py.__version__}", flush=True)
    for line in sys.stdin:
        if set_timer is not None:
            set_timer(clock, _MOST_CPU)  # its signal ends the process, also in the middle of the library
        try:
            walk(json.loads(line))
            answer = ""
        except Exception as error:  # of many classes
            answer = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        if set_timer is not None:
            set_timer(clock, 0)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
