"""Tools to keep after the course, behind one command: `hub-to-tflite`.

file      what a file is, by its content, and what a .tflite says about itself
sandbox   run what you don't trust in another process, with time and memory limits
targets   where a .tflite runs: Python, a microcontroller, a browser, a phone
errors    what an error message means, and how to fix it
report    bring your own model: a verified .tflite and a report, for one model or a grid
tables    one table writer: text, Markdown, HTML

Importing the package imports none of them, and TensorFlow is never loaded before it's needed.
"""

__version__ = "1.0"
