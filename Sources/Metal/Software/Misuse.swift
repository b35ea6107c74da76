/// Ends the process as Metal or its validation layer does when it is called wrongly.
func misuse(_ method: StaticString, _ text: @autoclosure () -> String) -> Never {
  fatalError("\(method): failed assertion `\(text())'")
}

/// Passes an object of this device through; Metal takes nobody else's implementations either.
@inline(__always)
func own<Software: AnyObject>(_ object: AnyObject, as type: Software.Type) -> Software {
  guard ObjectIdentifier(Swift.type(of: object)) == ObjectIdentifier(type) else {
    misuse("Metal", "\(Swift.type(of: object)) is no object of this device")
  }
  return unsafeDowncast(object, to: type)
}
