"""Runs that are killed, or meet a full disk, around their checkpoints, and are then started again.

    python -m tests.train.interrupted RECIPE.yaml FOLDER kills 50
    python -m tests.train.interrupted RECIPE.yaml FOLDER full-disk 20

Everything heavy is imported once; every run is a fork, so that it can die. Where it dies is counted in file operations
and bytes, not in time, so it is the same on every machine:

- a kill comes before the k-th time that Python opens, makes, renames or removes something in the run's folder, or
  (SIGXFSZ) in the middle of a file, once that is so many bytes long;
- a disk is a tmpfs with too little room for the run, which is made larger before the second start; without the right
  to mount, a limit on the size of files, which gives libraries the same errors.

Prints one JSON object: how many runs were interrupted, how many resumed, and how many ended with the weights of a run
that nothing had happened to, byte for byte.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lema_hub.errors import LemaError
from lema_hub.train import Recipe, TrainResult, load, train

WEIGHTS = "adapter_model.safetensors"
_REFUSED = 3  # exit code of a run that ended with a LemaError
_WATCHED = frozenset({"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"})


def forked(run: Callable[[], object], *, log: Path) -> int:
    """The status of a process that did something: minus a signal's number, or an exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with log.open("a", encoding="utf-8") as written:
                os.dup2(written.fileno(), 1)
                os.dup2(written.fileno(), 2)
            run()
            code = 0
        except LemaError as error:
            print(f"LemaError: {error}", flush=True)
            code = _REFUSED
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def watch(folder: Path, act: Callable[[int], None]) -> None:
    """Call `act` with the number of each operation on something in a folder, before it is done."""
    place, count = str(folder.resolve()), 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        if event in _WATCHED and arguments and str(arguments[0]).startswith(place):
            count += 1
            act(count)

    sys.addaudithook(hook)


def kill_at(wanted: int, folder: Path) -> None:
    def act(count: int) -> None:
        if count == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    watch(folder, act)


def kill_within_a_file(size: int) -> None:
    """Die, as by SIGKILL, when a file grows beyond so many bytes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def kills(recipe: Recipe, folder: Path, wanted: int) -> dict[str, int]:
    log, expected = folder / "log", _reference(recipe, folder)
    counted = folder / "counted"

    def count() -> TrainResult:
        watch(folder / "run", lambda number: counted.write_text(str(number)))
        return train(recipe, out=folder / "run")

    assert forked(count, log=log) == 0, log.read_text()
    operations = int(counted.read_text())
    largest = max(path.stat().st_size for path in (folder / "run").rglob("*") if path.is_file())
    shutil.rmtree(folder / "run")
    found: Counter[str] = Counter()
    for number in range(wanted):
        share = (number // 2 + 0.5) / (wanted / 2)

        def die(number: int = number, share: float = share) -> TrainResult:
            if number % 2:
                kill_within_a_file(int(share * largest))
            else:
                kill_at(1 + int(share * operations), folder / "run")
            return train(recipe, out=folder / "run")

        found["interrupted"] += forked(die, log=log) in (-signal.SIGKILL, -signal.SIGXFSZ)
        _resume(recipe, folder, expected, found)
    return dict(found)


def full_disks(recipe: Recipe, folder: Path, wanted: int) -> dict[str, int]:
    log, expected = folder / "log", _reference(recipe, folder)
    files = [path for path in (folder / "whole").rglob("*") if path.is_file()]
    pages = sum(-(-path.stat().st_size // 4096) for path in files)
    largest = max(path.stat().st_size for path in files)
    found: Counter[str] = Counter()
    for number in range(wanted):
        share = (number + 0.5) / wanted
        (folder / "run").mkdir()
        with _disk(folder / "run", pages=2 + int(share * pages)) as (mounted, grow):

            def fill(mounted: bool = mounted, share: float = share) -> TrainResult:
                if not mounted:
                    size = int(share * largest)
                    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
                return train(recipe, out=folder / "run")

            found["interrupted"] += forked(fill, log=log) == _REFUSED
            grow()
            _resume(recipe, folder, expected, found)
        shutil.rmtree(folder / "run", ignore_errors=True)
    return dict(found)


def _reference(recipe: Recipe, folder: Path) -> bytes:
    assert forked(lambda: train(recipe, out=folder / "whole"), log=folder / "log") == 0
    return (folder / "whole" / WEIGHTS).read_bytes()


def _resume(recipe: Recipe, folder: Path, expected: bytes, found: Counter[str]) -> None:
    """Start the run again, look at its weights, and remove it."""
    run = folder / "run"
    if forked(lambda: train(recipe, out=run), log=folder / "log") == 0:
        found["resumed"] += 1
        left = [path for path in run.rglob("*") if path.name.endswith(".partial")]
        found["same"] += (run / WEIGHTS).read_bytes() == expected and not left
    for path in run.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if not run.is_mount():
        run.rmdir()


@contextmanager
def _disk(place: Path, *, pages: int) -> Iterator[tuple[bool, Callable[[], object]]]:
    """A small disk at a folder, and what makes it large; False where this process may not mount one."""

    def mount(*options: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["mount", *options, str(place)], check=False, capture_output=True)

    if mount("-t", "tmpfs", "-o", f"size={pages * 4096}", "tmpfs").returncode:
        yield False, lambda: None
        return
    try:
        yield True, lambda: mount("-o", "remount,size=256m")
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def main() -> None:
    recipe_file, folder, kind, wanted = sys.argv[1:]
    import bitsandbytes  # noqa: F401 - what every run needs, before the first fork
    import peft  # noqa: F401

    import lema_hub.train.callbacks
    import lema_hub.train.trainer  # noqa: F401

    recipe = load(Path(recipe_file))
    Path(folder).mkdir(parents=True, exist_ok=True)
    do = {"kills": kills, "full-disk": full_disks}[kind]
    print(json.dumps(do(recipe, Path(folder), int(wanted))))


if __name__ == "__main__":
    main()
