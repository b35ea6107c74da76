final class SoftwareFence: MTLFence {
  private let softwareDevice: SoftwareDevice
  var label: String?

  init(device: SoftwareDevice) {
    softwareDevice = device
    LiveObject.fences.made()
  }

  deinit { LiveObject.fences.released() }

  var device: any MTLDevice { softwareDevice }
}
