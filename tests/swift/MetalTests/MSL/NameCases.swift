@testable import Metal

/// Names of the caller that others have too: functions of the library, and what Ingot itself writes around a kernel.
let nameCases: [RunCase] =
  ["step", "dot", "sqrt", "run", "x", "y", "z", "group", "launch", "index", "a0"].map { name in
    RunCase(
      name: "a kernel '\(name)'",
      source: """
        kernel void \(name)(device float *out [[buffer(0)]], device const float *in [[buffer(1)]],
                           uint i [[thread_position_in_grid]]) {
          out[i] = in[i] + 1;
        }
        """,
      inputs: [counting], expected: counting.map { $0 + 1 })
  } + [
    RunCase(
      name: "a type 'P0', in a namespace with another name",
      source: """
        namespace outer { namespace inner {
          struct P0 { static float one() { return 1; } };
          template <class T> kernel void step(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
            out[i] = T::one();
          }
          template [[host_name("k")]] kernel void step<P0>(device float *, uint);
        } }
        namespace other = outer::inner;
        """,
      expected: counting.map { _ in 1 }),
    RunCase(
      name: "a barrier in what a template takes by default",
      source: """
        struct Barrier { static void wait() { threadgroup_barrier(mem_flags::mem_threadgroup); } };
        template <class T = Barrier> struct Waiter { static void wait() { T::wait(); } };
        kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_threadgroup]],
                      threadgroup float *tile [[threadgroup(0)]]) {
          tile[i] = float(i);
          Waiter<>::wait();
          out[i] = tile[7 - i];
        }
        """,
      form: EntryStub.Form.thread, group: (8, 1, 1), threadgroup: [0: 32], expected: counting.reversed()),
    RunCase(
      name: "templates of the same name that anything else tells apart",
      source: """
        template <class T> float get(device const T *x, uint i) { return x[i]; }
        template <class T> float get(threadgroup const T *x, uint i) { return x[i]; }
        template <class T> float get(constant T &x) { return x; }
        template <class T> float get(T x, float y) { return x + y; }
        kernel void k(device float *out [[buffer(0)]], device const float *in [[buffer(1)]],
                      constant float &b [[buffer(2)]], uint i [[thread_position_in_grid]]) {
          out[i] = get(in, i) + get(b) + get(1, 2.0f);
        }
        """,
      form: EntryStub.Form.group, inputs: [counting, [1]], expected: counting.map { $0 + 4 }),
  ]
