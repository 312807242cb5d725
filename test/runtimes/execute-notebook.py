"""Executes a notebook with Deno's kernel and writes it with its outputs: execute-notebook.py NOTEBOOK OUT. An error of a cell is one of this
program.

This kernel may tell that it is idle before it sends the last output of a cell, which nbclient and jupyter_client's own loop take for the
end: here a cell ends with its reply and a silence after it.
"""

import queue
import sys

import nbformat
from jupyter_client.manager import start_new_kernel

SECONDS_PER_CELL = 300
SILENCE_SECONDS = 2

source, out = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
manager, client = start_new_kernel(kernel_name="deno")
try:
    count = 0
    for cell in (each for each in notebook.cells if each.cell_type == "code"):
        count += 1
        cell.execution_count = count
        cell.outputs = []

        request = client.execute(cell.source)
        reply = client.get_shell_msg(timeout=SECONDS_PER_CELL)
        while True:
            try:
                message = client.get_iopub_msg(timeout=SILENCE_SECONDS)
            except queue.Empty:
                break
            is_output = message["msg_type"] in ("execute_result", "display_data", "stream", "error")
            if is_output and message["parent_header"].get("msg_id") == request:
                cell.outputs.append(nbformat.v4.output_from_msg(message))
        if reply["content"]["status"] != "ok":
            print(f"{source}, cell {count}:\n{cell.source}\n{cell.outputs}", file=sys.stderr)
            sys.exit(1)
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
nbformat.write(notebook, out)
