/// What to start a capture throws; on a Mac that is an `NSError` of the domain of `MTLCaptureError`.
struct CaptureNotSupported: Error, CustomStringConvertible {
  let description = "Capturing is not supported: the software device has no GPU tools"
}
