// The operators of metal::vec; included inside the class, so that they are found by their operands alone and a scalar
// operand becomes a vector by the constructor. Nothing is promoted: char4 + char4 is char4.

 private:
  MTL_INLINE constexpr mtl_compute compute() const {
    return mtl::convert<mtl::compute_t<T>, T, N>(storage);
  }
  MTL_INLINE static constexpr vec settle(mtl_compute value) {
    return vec(mtl::from_native(), mtl::convert<T, mtl::compute_t<T>, N>(value));
  }
  template <class Mask>
  MTL_INLINE static constexpr vec<bool, N> settle_mask(Mask mask) {
    return vec<bool, N>(mtl::from_native(), __builtin_convertvector(mask, mtl::native_t<bool, N>) & uchar(1));
  }

  // Metal gives some value where C++ has no meaning: divide by one instead, and take the numerator for it.
  MTL_INLINE static constexpr vec safe_divisor(vec numerator, vec divisor) {
    mtl_native d = divisor.storage;
    if constexpr (mtl::integral<T>) {
      auto bad = d == T(0);
      if constexpr (numeric_limits<T>::is_signed)
        bad |= (d == T(-1)) & (numerator.storage == numeric_limits<T>::min());
      d = bad ? mtl_native(T(1)) : d;
    }
    return vec(mtl::from_native(), d);
  }
  MTL_INLINE static constexpr mtl_native shift_count(vec count) {
    return count.storage & mtl::lane_t<T>(sizeof(T) * 8 - 1);
  }

 public:
#define MTL_ARITHMETIC(op)                                                                              \
  friend MTL_INLINE constexpr vec operator op(vec a, vec b) requires(!mtl::boolean<T>) {                \
    return settle(a.compute() op b.compute());                                                          \
  }
  MTL_ARITHMETIC(+)
  MTL_ARITHMETIC(-)
  MTL_ARITHMETIC(*)
#undef MTL_ARITHMETIC
  friend MTL_INLINE constexpr vec operator/(vec a, vec b) requires(!mtl::boolean<T>) {
    return settle(a.compute() / safe_divisor(a, b).compute());
  }
  friend MTL_INLINE constexpr vec operator%(vec a, vec b) requires(mtl::integral<T>) {
    return settle(a.storage % safe_divisor(a, b).storage);
  }

#define MTL_BITWISE(op)                                                                                 \
  friend MTL_INLINE constexpr vec operator op(vec a, vec b) requires(!mtl::floating<T>) {               \
    return vec(mtl::from_native(), a.storage op b.storage);                                             \
  }
  MTL_BITWISE(&)
  MTL_BITWISE(|)
  MTL_BITWISE(^)
#undef MTL_BITWISE
  friend MTL_INLINE constexpr vec operator<<(vec a, vec b) requires(mtl::integral<T>) {
    return vec(mtl::from_native(), a.storage << shift_count(b));
  }
  friend MTL_INLINE constexpr vec operator>>(vec a, vec b) requires(mtl::integral<T>) {
    return vec(mtl::from_native(), a.storage >> shift_count(b));
  }

#define MTL_COMPARISON(op)                                                                              \
  friend MTL_INLINE constexpr vec<bool, N> operator op(vec a, vec b) {                                  \
    return settle_mask(a.compute() op b.compute());                                                     \
  }
  MTL_COMPARISON(==)
  MTL_COMPARISON(!=)
  MTL_COMPARISON(<)
  MTL_COMPARISON(<=)
  MTL_COMPARISON(>)
  MTL_COMPARISON(>=)
#undef MTL_COMPARISON

  friend MTL_INLINE constexpr vec operator&&(vec a, vec b) requires(mtl::boolean<T>) { return a & b; }
  friend MTL_INLINE constexpr vec operator||(vec a, vec b) requires(mtl::boolean<T>) { return a | b; }
  friend MTL_INLINE constexpr vec<bool, N> operator!(vec a) { return a == vec(T(0)); }

  friend MTL_INLINE constexpr vec operator+(vec a) requires(!mtl::boolean<T>) { return a; }
  friend MTL_INLINE constexpr vec operator-(vec a) requires(!mtl::boolean<T>) { return settle(-a.compute()); }
  friend MTL_INLINE constexpr vec operator~(vec a) requires(mtl::integral<T>) {
    return vec(mtl::from_native(), ~a.storage);
  }

#define MTL_ASSIGNMENT(op)                                                                              \
  friend MTL_INLINE constexpr vec &operator op##=(vec &a, vec b) requires requires { b op b; } {        \
    return a = a op b;                                                                                  \
  }
  MTL_ASSIGNMENT(+)
  MTL_ASSIGNMENT(-)
  MTL_ASSIGNMENT(*)
  MTL_ASSIGNMENT(/)
  MTL_ASSIGNMENT(%)
  MTL_ASSIGNMENT(&)
  MTL_ASSIGNMENT(|)
  MTL_ASSIGNMENT(^)
  MTL_ASSIGNMENT(<<)
  MTL_ASSIGNMENT(>>)
#undef MTL_ASSIGNMENT

  friend MTL_INLINE constexpr vec &operator++(vec &a) requires(!mtl::boolean<T>) { return a = a + vec(T(1)); }
  friend MTL_INLINE constexpr vec &operator--(vec &a) requires(!mtl::boolean<T>) { return a = a - vec(T(1)); }
  friend MTL_INLINE constexpr vec operator++(vec &a, int) requires(!mtl::boolean<T>) {
    vec before = a;
    ++a;
    return before;
  }
  friend MTL_INLINE constexpr vec operator--(vec &a, int) requires(!mtl::boolean<T>) {
    vec before = a;
    --a;
    return before;
  }
