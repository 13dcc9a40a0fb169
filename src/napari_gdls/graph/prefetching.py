"""Loading ahead: what compiled code is about to read here and there in memory is on its way while it computes."""

from __future__ import annotations

from typing import Any

from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

_LINE = 64
"""Bytes that processors load at a time, on all that numba compiles for."""

_MOST_LINES = 3
"""Of a row that are asked for: 48 counts of 32 bits, more than there are energy windows."""

_READ, _KEEP, _DATA = 0, 3, 1
"""Arguments of the instruction: to be read; into all caches; data, not instructions (LLVM language reference)."""


@intrinsic
def load_ahead(_typing_context: Any, array: Any, row: Any) -> Any:
    """Let the processor begin to load a row of an array into its caches, without waiting. Changes no result.

    Relies on a row that exists, or is -1 or one beyond the last: what is not there is not loaded.
    """
    from llvmlite import ir  # type: ignore[import-untyped]  # comes with numba

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array_type, row_type = signature.args
        values = make_array(array_type)(context, builder, arguments[0])  # type: ignore[no-untyped-call]
        bytes_of_row = builder.extract_value(values.strides, 0)
        number = context.cast(builder, arguments[1], row_type, types.intp)
        start = builder.gep(builder.bitcast(values.data, cgutils.voidptr_t), [builder.mul(number, bytes_of_row)])
        whole = ir.IntType(32)
        instruction = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            builder.module,
            ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, whole, whole, whole]),
            "llvm.prefetch.p0i8",
        )
        for line in range(_MOST_LINES if array_type.ndim > 1 else 1):
            place = builder.gep(start, [ir.Constant(number.type, line * _LINE)])
            builder.call(instruction, [place, *(ir.Constant(whole, value) for value in (_READ, _KEEP, _DATA))])
        return context.get_dummy_value()

    return types.void(array, row), generate
