// Writes Python's standard library for the doctor: compiled, which starts in a third of the time, and without what it never uses.
// node stdlib.mjs NODE_MODULES/pyodide OUT.zip

import {readFileSync, writeFileSync} from "node:fs";
import {pathToFileURL} from "node:url";

const [folder, out] = process.argv.slice(2);
const {loadPyodide} = await import(pathToFileURL(`${folder}/pyodide.mjs`));
const python = await loadPyodide({indexURL: folder});
python.FS.writeFile("/in.zip", readFileSync(`${folder}/python_stdlib.zip`));
python.runPython(`
import zipfile
from importlib._bootstrap_external import _code_to_timestamp_pyc

UNUSED = """_pydatetime _pydecimal _pyio _pyrepl antigravity argparse bdb cProfile cmd colorsys compileall configparser
curses dbm difflib doctest ensurepip filecmp fileinput ftplib getpass graphlib http imaplib mailbox
modulefinder multiprocessing netrc nturl2path optparse pdb pickletools plistlib poplib profile pstats pty
py_compile pyclbr pydoc pydoc_data rlcompleter sched shelve smtplib socketserver sqlite3 statistics symtable
tabnanny this timeit tomllib trace tracemalloc tty turtle unittest uuid venv wave webbrowser wsgiref
xml xmlrpc zipapp zoneinfo""".split()
ENCODINGS = "__init__ aliases ascii cp437 cp1252 idna latin_1 punycode raw_unicode_escape unicode_escape utf_16 utf_16_be utf_16_le utf_8 utf_8_sig".split()

def used(name):
    top, _, rest = name.partition("/")
    if top == "encodings":
        return rest.removesuffix(".py") in ENCODINGS
    return top.removesuffix(".py") not in UNUSED

with zipfile.ZipFile("/in.zip") as old, zipfile.ZipFile("/out.zip", "w") as new:
    for item in filter(lambda item: used(item.filename) and not item.is_dir(), old.infolist()):
        name, content = item.filename, old.read(item)
        if name.endswith(".py"):
            code = compile(content, name, "exec", dont_inherit=True, optimize=2)
            name, content = name + "c", bytes(_code_to_timestamp_pyc(code, 0, 0))
        new.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 9)
`);
writeFileSync(out, python.FS.readFile("/out.zip"));
