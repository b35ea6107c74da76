import Testing

@testable import Ingot

@Suite struct ResidencyBudgetTests {
  private static let gib: UInt64 = 1 << 30

  @Test("The budget by the memory of a Mac, with the working set that Metal recommends there")
  func budgets() {
    // GiB of memory, of working set, of budget.
    let table: [(Double, Double, Double)] = [
      (4, 2.75, 0.6875), (8, 5.5, 1.375), (16, 11, 8), (18, 12, 9), (24, 16, 12), (32, 22, 16.5),
      (36, 27, 20.25),
      (48, 36, 27), (64, 48, 36), (96, 72, 54), (128, 96, 72), (192, 144, 108), (512, 464, 332.8),
    ]
    for (memory, workingSet, expected) in table {
      let budget = ResidencyLimits.budget(workingSet: bytes(workingSet), physicalMemory: bytes(memory))
      #expect(abs(Double(budget) / Double(Self.gib) - expected) < 0.001, "\(memory) GiB")
      #expect(budget <= Int(bytes(workingSet)) / 4 * 3)
      #expect(bytes(memory) - UInt64(budget) >= min(8 * Self.gib, bytes(memory) / 4 * 3))
    }
  }

  @Test func aSetHasAtMostATwentiethOfTheWorkingSet() {
    let limits = ResidencyLimits(workingSet: 20 * Self.gib, physicalMemory: 32 * Self.gib)
    #expect(limits.setBytes == 1 << 30)
    #expect(limits.budget == 15 << 30)
  }

  @Test func strangeMachines() {
    #expect(ResidencyLimits.budget(workingSet: 0, physicalMemory: 0) == 0)
    #expect(ResidencyLimits.budget(workingSet: .max, physicalMemory: .max) > 0)
    #expect(ResidencyLimits.budget(workingSet: .max, physicalMemory: 0) == 0)
  }

  private func bytes(_ gib: Double) -> UInt64 { UInt64(gib * Double(Self.gib)) }
}
