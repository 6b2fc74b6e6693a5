"""Which release of TensorFlow's runtime a .tflite needs, from its ops. Taught in 09_fix_failed_conversions.

Each op has versions: a new one where it learned something, such as another dtype. A runtime opens a file if it knows
every op of it in its version. The converter writes the release that this asks for into the file; files that are old,
or changed afterwards, lack it or state too little.
"""

import re

# The release of TensorFlow that brought each (op, version), as in its runtime_version.cc (Apache-2.0) in November
# 2026. Releases before 2.10, of 2022, are left out: every runtime of today has them.
RUNTIMES = {
    "2.10": "RELU_0_TO_1 1, UNSORTED_SEGMENT_PROD 1, UNSORTED_SEGMENT_MAX 1, UNSORTED_SEGMENT_SUM 1, ATAN2 1",
    "2.11": "CONV_2D 7, DEPTHWISE_CONV_2D 7, FULLY_CONNECTED 10, MUL 6, UNSORTED_SEGMENT_MIN 1, SIGN 1",
    "2.12": "SPACE_TO_BATCH_ND 4, BATCH_TO_SPACE_ND 4, CAST 5, TRANSPOSE 6, UNIDIRECTIONAL_SEQUENCE_LSTM 4, "
    "MIRROR_PAD 3, SELECT 3, SELECT 4, SELECT_V2 2, EXP 2, ABS 5, FILL 4, SIGN 2",
    "2.13": "ADD 5, GATHER 6, GATHER_ND 4, MUL 7, TOPK_V2 3, TRANSPOSE_CONV 4, PACK 4, EQUAL 4, GREATER_EQUAL 3, "
    "LESS 3, FLOOR_DIV 3, FLOOR_MOD 2, BITCAST 1, BITWISE_XOR 1, RIGHT_SHIFT 1",
    "2.14": "CONCATENATION 4, TRANSPOSE 7, STRIDED_SLICE 7, STRIDED_SLICE 8, SLICE 6, RANGE 2",
    "2.15": "CONV_2D 8, CAST 6, FULLY_CONNECTED 11, GATHER 7, TRANSPOSE_CONV 5, LOG 2, RSQRT 3, STABLEHLO_SCATTER 1, "
    "DILATE 1, STABLEHLO_RNG_BIT_GENERATOR 1, REDUCE_WINDOW 1",
    "2.16": "GATHER_ND 5, STABLEHLO_GATHER 1, STABLEHLO_ADD 1, STABLEHLO_MULTIPLY 1, STABLEHLO_REDUCE_WINDOW 1, "
    "STABLEHLO_MAXIMUM 1, STABLEHLO_MINIMUM 1, STABLEHLO_PAD 1",
    "2.17": "CAST 7, FULLY_CONNECTED 12, DYNAMIC_UPDATE_SLICE 2, STABLEHLO_COMPOSITE 1, STABLEHLO_AND 1, "
    "STABLEHLO_SHIFT_LEFT 1, STABLEHLO_CBRT 1, STABLEHLO_CASE 1",
    "2.18": "EMBEDDING_LOOKUP 4, FULLY_CONNECTED 13, DEQUANTIZE 6",
    "2.19": "DYNAMIC_UPDATE_SLICE 3",
    "2.20": "PAD 5, PADV2 5, DYNAMIC_UPDATE_SLICE 4",
    "2.21": "CAST 8, CONCATENATION 5, EMBEDDING_LOOKUP 5, FULLY_CONNECTED 14, SLICE 7, DEQUANTIZE 7, EQUAL 5, "
    "NOT_EQUAL 4, QUANTIZE 4, QUANTIZE 5, QUANTIZE 6, SQRT 2, DYNAMIC_UPDATE_SLICE 5",
    "2.22": "TRANSPOSE 8, UNPACK 5, DEQUANTIZE 8, DYNAMIC_UPDATE_SLICE 6",
    "2.23": "ADD 6, MUL 8",
}
NEEDS = {pair: release for release, pairs in RUNTIMES.items() for pair in pairs.split(", ")}
NEWEST = {}
for _pair in NEEDS:
    _op, _version = _pair.split()
    NEWEST[_op] = max(NEWEST.get(_op, 0), int(_version))


def needed(ops, stated=b""):
    """Return (release, how that is known) for flatbuffer.Op's and the bytes of the buffer `min_runtime_version`.

    The later of what the file states and what its ops ask for: the release is such as "2.17.0" or "2.11", and "" where
    nothing says.
    """
    for op in ops:
        if op.version > NEWEST.get(op.name, op.version):
            return (
                "",
                f"{op.name} v{op.version} is newer than TensorFlow {list(RUNTIMES)[-1]}, the newest known here",
            )
    number = re.match(rb"\d+\.\d+(\.\d+)?", stated)
    known = [(number[0].decode(), "as the file states")] if number else []
    for op in ops:
        if f"{op.name} {op.version}" in NEEDS:
            known.append((NEEDS[f"{op.name} {op.version}"], f"because of {op.name} v{op.version}"))
    if not known:
        return "", "the file does not state it, and no op in it is known to need more than 2.9"
    return max(known, key=lambda one: [int(part) for part in one[0].split(".")])
