#include "executors/handlers/vector_math.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace remuda {
namespace {

#if defined(__x86_64__)
#define REMUDA_TARGET(name) __attribute__((target(name)))
#else
#define REMUDA_TARGET(name)
#endif

// Inlined into functions for each width, as a vector type of the compiler's
// own. The copies become loads and stores that need no alignment.
template <size_t kBytes>
[[gnu::always_inline]] inline void Run(const double* x, double a, double* y,
                                       size_t count) {
  typedef double Vector __attribute__((vector_size(kBytes)));
  constexpr size_t kLanes = kBytes / sizeof(double);
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Vector left;
    Vector right;
    std::memcpy(&left, x + i, kBytes);
    std::memcpy(&right, y + i, kBytes);
    right = left * a + right;
    std::memcpy(y + i, &right, kBytes);
  }
  for (; i < count; ++i) y[i] = x[i] * a + y[i];
}

REMUDA_TARGET("avx512f")
void RunWidest(const double* x, double a, double* y, size_t count) {
  Run<64>(x, a, y, count);
}

REMUDA_TARGET("avx2")
void RunWide(const double* x, double a, double* y, size_t count) {
  Run<32>(x, a, y, count);
}

void RunPlain(const double* x, double a, double* y, size_t count) {
  Run<16>(x, a, y, count);
}

struct Unit {
  const char* name;
  void (*run)(const double*, double, double*, size_t);
};

Unit BestUnit() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) return {"avx512f", RunWidest};
  if (__builtin_cpu_supports("avx2")) return {"avx2", RunWide};
#endif
  return {"sse2", RunPlain};
}

const Unit& ThisUnit() {
  static const Unit unit = BestUnit();
  return unit;
}

}  // namespace

void MultiplyAdd(std::span<const double> x, double a, std::span<double> y) {
  ThisUnit().run(x.data(), a, y.data(), std::min(x.size(), y.size()));
}

const char* VectorUnit() { return ThisUnit().name; }

}  // namespace remuda
