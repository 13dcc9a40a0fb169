"""A dask cluster on Slurm for a batch: python jobqueue.py FIELDS OUT.

pip install dask-jobqueue; for other queues take PBSCluster, SGECluster or LSFCluster.
"""

from __future__ import annotations

import sys

import dask
from dask_jobqueue import SLURMCluster
from distributed import Client

import napari_gdls as gdls


def cluster() -> SLURMCluster:
    """Workers of one process and one thread: a field each, so that none is blamed for the death of another."""
    # A field that kills its worker is tried again by the batch, when nothing else runs, and not by dask.
    dask.config.set({"distributed.scheduler.allowed-failures": 0})
    return SLURMCluster(cores=1, processes=1, memory="4GB", walltime="04:00:00")


if __name__ == "__main__":
    fields, out = sys.argv[1:]
    with cluster() as made, Client(made):
        made.adapt(maximum_jobs=100)
        batch = gdls.segment_many([fields], out, scheduler=made.scheduler_address)
    sys.exit(3 if batch.set_aside else 0)
