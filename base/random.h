#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace remuda {

// Random numbers that depend on the seed alone: the same on every machine and
// compiler, so that a failing simulation is one seed. Not for secrets.
//
// Thread: confined to its owner.
class Random {
 public:
  using result_type = uint64_t;

  explicit Random(uint64_t seed);

  // Any 64 bits.
  uint64_t Next();

  // Evenly one of 0 .. n-1; n must not be 0.
  uint64_t Below(uint64_t n);

  // In [0, 1).
  double Unit();

  // For std::shuffle and the like; note that the standard's distributions are
  // not the same everywhere.
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return UINT64_MAX; }
  uint64_t operator()() { return Next(); }

 private:
  std::array<uint64_t, 4> state_;
};

// A seed that nobody can guess, from the kernel. main() calls it; all else is
// given a Random.
uint64_t SystemSeed();

// `bytes` bytes from the kernel as lower-case hex digits, fit for secrets.
std::string RandomHex(size_t bytes);

}  // namespace remuda
