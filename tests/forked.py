"""The command line as processes that fork from one with all imports done, because a new interpreter takes seconds to import torch.

with forked.commands(folder):        # folder/phenolens is the program: arguments, streams, folder, environment and exit code are its own
    subprocess.run("phenolens models", shell=True, env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

WARM = (
    "accelerate", "matplotlib.figure", "peft", "phenolens.cli", "phenolens.explain.faithfulness", "phenolens.explain.layers",
    "phenolens.model.load", "phenolens.model.train", "phenolens.report.page", "sklearn.linear_model", "transformers.trainer",
)  # fmt: skip
CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"streams"], [0, 1, 2])
    server.sendall(json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode() + b"\\n")
    code = server.recv(16)
sys.exit(int(code or b"-1"))
"""


@contextmanager
def commands(folder: Path):
    """Write the program `phenolens` into the folder and let it run until the end of the block."""
    address = folder / "forked.socket"
    program = folder / "phenolens"
    program.write_text(CLIENT.format(python=sys.executable, address=str(address)))
    program.chmod(0o755)
    server = subprocess.Popen([sys.executable, __file__, str(address)], env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        while not address.exists():
            assert server.poll() is None, "the process to fork from ended"
            time.sleep(0.01)
        yield
    finally:
        server.kill()
        server.wait()


def serve(address: str) -> None:
    """Listen, and return in a new process with its streams, folder, environment and arguments for every program that calls."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{address}.part")
        listening.listen()
        Path(f"{address}.part").rename(address)
        while True:
            caller, _ = listening.accept()
            if os.fork() == 0:
                break
            caller.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(caller, 7, 3)
    asked = b""
    while not asked.endswith(b"\n"):
        asked += caller.recv(1 << 16)
    command = os.fork()
    if command:
        for stream in streams:
            os.close(stream)
        _, status = os.waitpid(command, 0)
        caller.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    caller.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.argv, where, environment = json.loads(asked)
    os.chdir(where)
    os.environ.clear()
    os.environ.update(environment)


if __name__ == "__main__":
    for name in WARM:
        __import__(name)
    serve(sys.argv[1])
    from phenolens.cli import main

    main()
