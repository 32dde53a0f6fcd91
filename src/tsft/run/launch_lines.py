"""How a run of several processes is started by hand or by a scheduler: one line a machine, and a script for SLURM.

The lines are for a POSIX shell, in a clone or an environment with tsft, on machines that see the workspace under the
same path.
"""

import shlex
from pathlib import Path

from tsft.config.run_config import RunConfig

_WORKER = ("-m", "tsft.engine.worker")

# srun starts the processes itself, without torchrun between: the signal that comes before the time is over reaches
# them, and they have all of that time to save.
_SLURM = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --nodes={machines}
#SBATCH --ntasks-per-node={count}
#SBATCH --gpus-per-node={count}
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@180

export MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export MASTER_PORT={port}
export OMP_NUM_THREADS=8
srun --kill-on-bad-exit=1 bash -c '
  export RANK=$SLURM_PROCID LOCAL_RANK=$SLURM_LOCALID WORLD_SIZE=$SLURM_NTASKS LOCAL_WORLD_SIZE={count}
  exec python "$@"' worker {worker}
"""


def machine_lines(config: RunConfig, settings: Path, workspace: Path) -> list[str]:
    """What to type on each machine, the first one first. settings: the file that holds the config."""
    processes = config.processes
    worker = [*_WORKER, "--config", str(settings), "--workspace", str(workspace)]
    each = ["--nproc-per-node", str(processes.count)]
    if processes.machines == 1:
        return [shlex.join(["torchrun", "--standalone", *each, *worker])]
    meeting = ["--master-addr", processes.address.strip(), "--master-port", str(processes.port)]
    return [
        shlex.join(
            ["torchrun", "--nnodes", str(processes.machines), "--node-rank", str(node), *each, *meeting, *worker]
        )
        for node in range(processes.machines)
    ]


def slurm_script(config: RunConfig, settings: Path, workspace: Path) -> str:
    """A script for `sbatch`; its account, partition and hours are to be filled in."""
    processes = config.processes
    worker = [*_WORKER, "--config", str(settings), "--workspace", str(workspace)]
    name = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in config.output.name) or "tsft"
    return _SLURM.format(
        name=name,
        machines=processes.machines,
        count=processes.count,
        port=processes.port,
        worker=shlex.join(worker),
    )
