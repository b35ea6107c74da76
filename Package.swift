// swift-tools-version: 6.3
import PackageDescription

// SwiftPM looks for the folder of a target that is named here on every system, whatever the condition of the dependency.
#if os(Linux)
  let metal: [Target.Dependency] = ["Metal"]
#else
  let metal: [Target.Dependency] = []
#endif

let package = Package(
  name: "Ingot",
  platforms: [.macOS(.v15)],
  products: [
    // An app links one of the two, never both: they hold the same classes.
    .library(name: "Ingot", targets: ["Ingot"]),
    .library(name: "IngotABI", type: .dynamic, targets: ["IngotABI"]),
  ],
  targets: [
    // The C ABI: one header, and the thread-local error text.
    .target(name: "CIngot"),
    // ingot.h implemented over Ingot: resolve handles, call, translate the outcome.
    .target(name: "IngotABI", dependencies: ["CIngot", "Ingot"]),
    // The library. It imports Metal: Apple's on a Mac, ours on Linux.
    .target(
      name: "Ingot",
      dependencies: metal,
      linkerSettings: [
        // Without CoreGraphics a command-line tool may be given no default device.
        .linkedFramework("CoreGraphics", .when(platforms: [.macOS]))
      ]
    ),
    .testTarget(
      name: "IngotABITests", dependencies: ["IngotABI"], path: "tests/swift/IngotABITests"),
    .testTarget(name: "IngotTests", dependencies: ["Ingot"], path: "tests/swift/IngotTests"),
  ],
  swiftLanguageModes: [.v6]
)

#if os(Linux)
  package.targets += [
    // The compute part of Apple's Metal in software: same names, same rules.
    .target(name: "Metal", dependencies: ["CMetalRuntime"]),
    // What Swift cannot say: fibers, launching, faults; and the MSL headers that kernels include.
    .target(name: "CMetalRuntime"),
    .testTarget(
      name: "MetalTests", dependencies: ["Metal", "CMetalRuntime"], path: "tests/swift/MetalTests",
      exclude: ["metal-constants.json"]),
  ]
#endif

// What `make bench` measures from Swift alone; nobody else builds it.
if Context.environment["INGOT_BENCH"] == "1" {
  package.targets.append(
    .executableTarget(name: "encode_swift", dependencies: ["Ingot"], path: "tests/bench/encode_swift"))
}
