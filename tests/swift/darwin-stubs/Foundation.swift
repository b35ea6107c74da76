// What Ingot uses of Apple's Foundation module, so that its Darwin branches can be type-checked elsewhere.

extension Error {
  public var localizedDescription: String { "" }
}
