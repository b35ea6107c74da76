import Testing

@testable import Ingot

/// C23: dtype sizes and names.
@Suite struct DTypeTests {
  @Test(arguments: [
    (DType.bool, 1, "bool"), (.int8, 1, "int8"), (.uint8, 1, "uint8"), (.int16, 2, "int16"),
    (.uint16, 2, "uint16"), (.int32, 4, "int32"), (.uint32, 4, "uint32"), (.int64, 8, "int64"),
    (.uint64, 8, "uint64"), (.float16, 2, "float16"), (.bfloat16, 2, "bfloat16"), (.float32, 4, "float32"),
  ])
  func sizeAndName(dtype: DType, size: Int, name: String) {
    #expect(dtype.size == size)
    #expect(dtype.name == name)
  }
}
