"""Executes a notebook with Deno's kernel and writes it with its outputs: execute-notebook.py NOTEBOOK OUT. An error of a cell is one of this program.

It speaks to the kernel by jupyter_client: nbclient's executor lost some of the outputs that this kernel sends just before its reply."""

import sys

import nbformat
from jupyter_client.manager import start_new_kernel

SECONDS_PER_CELL = 300

source, out = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
manager, client = start_new_kernel(kernel_name="deno")
try:
    count = 0
    for cell in (each for each in notebook.cells if each.cell_type == "code"):
        count += 1
        cell.execution_count = count
        cell.outputs = []

        def keep(message, outputs=cell.outputs):
            if message["msg_type"] in ("execute_result", "display_data", "stream", "error"):
                outputs.append(nbformat.v4.output_from_msg(message))

        reply = client.execute_interactive(cell.source, timeout=SECONDS_PER_CELL, output_hook=keep)
        if reply["content"]["status"] != "ok":
            print(f"{source}, cell {count}:\n{cell.source}\n{cell.outputs}", file=sys.stderr)
            sys.exit(1)
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
nbformat.write(notebook, out)
