"""The road from a handle to a proven .tflite, one module a step, after the lesson that taught it.

tinyhub      the embedded hub that serves the models       02_load_from_hub
handles      from any handle to a checked SavedModel       02_load_from_hub
digits       the images that the models are tried on       02_load_from_hub
savedmodel   any SavedModel: name its tensors, run it      03_look_inside_a_savedmodel
convert      from a SavedModel to a .tflite, by recipe     04_convert_to_tflite, 06_quantize
interpreter  any number of inputs through a .tflite        05_run_the_interpreter, 06_quantize
benchmark    compare the time that candidates take         08_measure
parity       the ledger: does it still predict the same?   00_start_here
course/      the lessons' machinery, which nobody needs to read

Importing the package imports none of them; none imports TensorFlow before it is needed.
"""
