"""The course's small helpers. Each repeats what a notebook has taught, so that the next one need not.

kernel       quiet start-up, memory handed back           used everywhere
tinyhub      the loopback hub that serves the models      02_load_from_hub
handles      from any handle to a checked SavedModel      02_load_from_hub
digits       the pictures that the models are tried on    02_load_from_hub
artefacts    converted files, kept from run to run        04_convert_to_tflite
interpreter  a batch of inputs through a .tflite          05_run_the_interpreter, 06_quantize
recipes      the converter for each recipe                06_quantize
timing       fair races between ways to do a thing        08_measure
parity       the ledger: is it still the same answer?     00_start_here
exercises    "Your turn": checks, hints and solutions     every lesson; the exercises are in lessons/
identify     what a file is, and who opens it             01_why_wont_it_open
flatbuffer   what a .tflite says about itself             09_fix_failed_conversions
runtimes     which runtime a .tflite needs                09_fix_failed_conversions
opening      open a .tflite without risk to the kernel    09_fix_failed_conversions
trial        the child process that opening sends ahead   09_fix_failed_conversions
metadata     contract and labels, packed into a .tflite   10_deploy
micro        a microcontroller's interpreter, run here    10_deploy
pad          a drawing pad, and ink made into a digit     10_deploy
check        which places can take a .tflite              10_deploy
contracts    what any SavedModel takes, gives, answers    11_bring_your_own_model
catalogue    what Hub's model families take and give      11_bring_your_own_model
samples      inputs to try any model on                   11_bring_your_own_model
verdict      which recipe to take, and why                11_bring_your_own_model
card         what is written beside a converted model     11_bring_your_own_model
charts       the figures of the report                    11_bring_your_own_model
processes    a function called in another process         11_bring_your_own_model
failure      a wrong call, its error printed              01_why_wont_it_open
explain      what an error means, and what to do          09_fix_failed_conversions, docs/errors.md
cache        where all of this is kept                    outside the checkout
colab        what Google Colab lacks                      first cell of every notebook

Importing the package imports none of them, and none of them imports TensorFlow before it is needed.
"""
