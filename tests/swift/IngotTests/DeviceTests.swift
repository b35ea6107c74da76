import Testing

@testable import Ingot

@Suite struct DeviceTests {
  @Test("C15: a device has a name, and limits that make sense") func identity() throws {
    let device = try Device.isolated()
    #expect(!device.name.isEmpty)
    #expect(device.maxBufferLength > 0)
    #expect(device.recommendedWorkingSet > 0)
    #expect(device.maxThreadgroupMemory >= 16384)
    #expect(device.maxThreadsPerThreadgroup.x >= 256)
    #expect(device.hasUnifiedMemory)
    #expect(device.isSoftware == Platform.isSoftwareMetal)
  }

  @Test func sharedDevicesAreOneObjectPerGPU() throws {
    let device = try Device.default()
    #expect(try Device.default() === device)
    let all = try Device.all()
    #expect(all.count == Device.count)
    #expect(try Device.at(0) === all[0])
    #expect(all.contains { $0 === device })
    #expect(Set(all.map(\.registryID)).count == all.count)
  }

  @Test func isolatedDevicesAreTheirOwn() throws {
    let first = try Device.isolated()
    let second = try Device.isolated()
    #expect(first !== second)
    #expect(first !== (try Device.default()))
    #expect(first.metalQueue !== second.metalQueue)
    #expect(first.registryID == second.registryID)
  }

  @Test(arguments: [-1, 1000, Int.max, Int.min]) func noSuchIndex(index: Int) throws {
    let error = try failure { _ = try Device.at(index) }
    #expect(error.kind == .deviceNotFound)
    #expect(error.message.contains("\(index)") && error.message.contains("\(Device.count)"))
  }

  @Test func aRequiredGPUIsNotTheSoftwareDevice() throws {
    guard Platform.isSoftwareMetal else {
      #expect(!(try Device.isolated(requireGPU: true).isSoftware))
      return
    }
    for open in [{ try Device.default(requireGPU: true) }, { try Device.isolated(requireGPU: true) }] {
      #expect(try failure { _ = try open() }.kind == .deviceNotFound)
    }
  }

  @Test func theEnvironmentCanRequireAGPU() throws {
    guard Platform.isSoftwareMetal else { return }
    let configuration = try Configuration { $0 == "INGOT_REQUIRE_GPU" ? "1" : nil }
    let error = try failure {
      _ = try Device.open(index: nil, requireGPU: false, residency: true, configuration: configuration)
    }
    #expect(error.kind == .deviceNotFound)
    #expect(error.message.contains("INGOT_REQUIRE_GPU"))
  }

  @Test func familiesAreAsked() throws {
    let device = try Device.isolated()
    #expect(device.supports(family: 5001) == device.supports(.metal3))
    #expect(!device.supports(family: 123_456))
    #expect(!device.supports(family: .min))
  }
}
