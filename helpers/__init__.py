"""The road from a handle to a proven .tflite, one module a step, after the lesson that taught it.

tinyhub      the embedded hub that serves the models       02_load_from_hub
handles      from any handle to a checked SavedModel       02_load_from_hub
digits       the images that the models are tried on       02_load_from_hub
savedmodel   any SavedModel: name its tensors, run it      02_load_from_hub
convert      from a SavedModel to a .tflite, by recipe     03_convert_to_tflite, 20_quantize
interpreter  any number of inputs through a .tflite        04_run_the_interpreter, 20_quantize
benchmark    compare the time that candidates take         23_measure_speed
parity       the ledger: does it still predict the same?   00_start_here
course/      the lessons' machinery, which nobody needs to read

Importing the package imports none of them; none imports TensorFlow before it is needed.
"""
