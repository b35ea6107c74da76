// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Pool": how much a pool keeps, and figures.
import CIngot
import Ingot

@c @implementation
public func ingot_pool_trim(
  _ pool: OpaquePointer?, _ bytes: UInt64, _ freed: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let pool: Pool = try object(pool)
    let count = pool.trim(to: Int(clamping: bytes))
    freed?.pointee = UInt64(clamping: count)
  }
}

@c @implementation
public func ingot_pool_relieve(
  _ pool: OpaquePointer?, _ pressure: Int32, _ freed: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let pool: Pool = try object(pool)
    guard let level = MemoryPressure(rawValue: pressure) else {
      throw IngotError(.argument, "pressure is \(pressure); it is one of INGOT_PRESSURE_*, 1 or 2")
    }
    let count = pool.relieve(level)
    freed?.pointee = UInt64(clamping: count)
  }
}

@c @implementation
public func ingot_pool_set_limit(_ pool: OpaquePointer?, _ limit: Int32, _ bytes: UInt64) -> ingot_status {
  boundary { () throws(IngotError) in
    let pool: Pool = try object(pool)
    let bytes = bytes == .max ? nil : Int(clamping: bytes)
    switch try PoolLimit(limit) {
    case .total: try pool.setLimit(bytes: bytes)
    case .cached: try pool.setCacheLimit(bytes: bytes)
    }
  }
}

@c @implementation
public func ingot_pool_set_limit_fraction(
  _ pool: OpaquePointer?, _ limit: Int32, _ fraction: Double
) -> ingot_status {
  boundary { () throws(IngotError) in
    let pool: Pool = try object(pool)
    switch try PoolLimit(limit) {
    case .total: try pool.setLimit(fraction: fraction)
    case .cached: try pool.setCacheLimit(fraction: fraction)
    }
  }
}

/// INGOT_POOL_LIMIT_*.
private enum PoolLimit: Int32 {
  case total
  case cached

  init(_ limit: Int32) throws(IngotError) {
    guard let known = Self(rawValue: limit) else {
      throw IngotError(.argument, "limit is \(limit); it is one of INGOT_POOL_LIMIT_*, 0 or 1")
    }
    self = known
  }
}

@c @implementation
public func ingot_pool_set_decay(_ pool: OpaquePointer?, _ nanoseconds: UInt64) -> ingot_status {
  boundary { () throws(IngotError) in
    let pool: Pool = try object(pool)
    pool.decay = duration(nanoseconds)
  }
}

@c @implementation
public func ingot_pool_get_limits(
  _ pool: OpaquePointer?, _ limits: UnsafeMutablePointer<ingot_pool_limits>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let pool: Pool = try object(pool)
    let result = try Struct(limits, "limits")
    var value = ingot_pool_limits()
    value.total = pool.limit.map { UInt64(clamping: $0) } ?? .max
    value.cached = UInt64(clamping: pool.cacheLimit)
    value.decay = nanoseconds(pool.decay)
    result.fill(value)
  }
}

@c @implementation
public func ingot_pool_get_statistics(
  _ pool: OpaquePointer?, _ statistics: UnsafeMutablePointer<ingot_pool_statistics>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let pool: Pool = try object(pool)
    let result = try Struct(statistics, "statistics")
    let current = pool.statistics
    var value = ingot_pool_statistics()
    value.used_bytes = UInt64(clamping: current.usedBytes)
    value.free_bytes = UInt64(clamping: current.freeBytes)
    value.cached_bytes = UInt64(clamping: current.cachedBytes)
    value.total_bytes = UInt64(clamping: current.totalBytes)
    value.free_blocks = UInt64(clamping: current.freeBlocks)
    value.hits = UInt64(clamping: current.hits)
    value.misses = UInt64(clamping: current.misses)
    value.high_water = UInt64(clamping: current.highWater)
    value.quarantined = UInt64(clamping: current.quarantined)
    value.used_blocks = UInt64(clamping: current.usedBlocks)
    result.fill(value)
  }
}

@c @implementation
public func ingot_pool_reset_high_water(_ pool: OpaquePointer?) -> ingot_status {
  boundary { () throws(IngotError) in
    let pool: Pool = try object(pool)
    pool.resetHighWater()
  }
}
