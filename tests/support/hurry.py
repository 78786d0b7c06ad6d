"""Builds preload/hurry.c: for the environment of programs whose time shall go `times` as fast.

    env["LD_PRELOAD"] = hurry.library(folder, 15)
"""
import pathlib
import subprocess

SOURCE = pathlib.Path(__file__).resolve().parent / "preload" / "hurry.c"


def library(folder, times):
    made = pathlib.Path(folder) / f"hurry{times}.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", f"-DHURRY={times}", "-o", made, SOURCE], check=True)
    return str(made)
