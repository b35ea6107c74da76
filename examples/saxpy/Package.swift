// swift-tools-version: 6.3
import PackageDescription

let package = Package(
  name: "saxpy",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "Ingot", path: "../..")],
  targets: [
    .executableTarget(name: "saxpy", dependencies: [.product(name: "Ingot", package: "Ingot")])
  ],
  swiftLanguageModes: [.v6]
)
