#include "base/random.h"

#include <sys/random.h>

#include <bit>
#include <cerrno>

#include "base/check.h"

namespace remuda {
namespace {

// SplitMix64: spreads a small seed over the whole state, as the authors of
// xoshiro advise (prng.di.unimi.it).
uint64_t SplitMix(uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

void FillFromKernel(void* data, size_t size) {
  auto* to = static_cast<unsigned char*>(data);
  while (size > 0) {
    const ssize_t got = getrandom(to, size, 0);
    if (got < 0 && errno == EINTR) continue;
    CHECK(got > 0);
    to += got;
    size -= static_cast<size_t>(got);
  }
}

}  // namespace

Random::Random(uint64_t seed) {
  for (uint64_t& word : state_) word = SplitMix(seed);
}

// xoshiro256**, by Blackman and Vigna, public domain: a few nanoseconds, and
// passes the known statistical tests.
uint64_t Random::Next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t Random::Below(uint64_t n) {
  CHECK(n > 0);
  // 2^64 mod n values at the bottom would make some results more likely.
  const uint64_t uneven = (0 - n) % n;
  uint64_t value = Next();
  while (value < uneven) value = Next();
  return value % n;
}

double Random::Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

uint64_t SystemSeed() {
  uint64_t seed;
  FillFromKernel(&seed, sizeof(seed));
  return seed;
}

std::string RandomHex(size_t bytes) {
  std::string raw(bytes, '\0');
  FillFromKernel(raw.data(), raw.size());
  std::string hex;
  hex.reserve(2 * bytes);
  for (const char c : raw) {
    const auto byte = static_cast<unsigned char>(c);
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

}  // namespace remuda
