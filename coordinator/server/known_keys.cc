#include "coordinator/server/known_keys.h"

#include <array>
#include <cstddef>
#include <functional>

namespace remuda {
namespace {

constexpr size_t kBits = size_t{1} << 24;
constexpr size_t kProbes = 4;

// Independent enough from one hash of 64 bits: Kirsch and Mitzenmacher, "Less
// hashing, same performance", 2006.
std::array<size_t, kProbes> Places(std::string_view key) {
  const uint64_t hash = std::hash<std::string_view>{}(key);
  const uint64_t step = (hash >> 32) | 1;
  std::array<size_t, kProbes> places{};
  for (size_t i = 0; i < kProbes; ++i) {
    places[i] = static_cast<size_t>(hash + i * step) % kBits;
  }
  return places;
}

constexpr uint64_t BitOf(size_t place) { return uint64_t{1} << (place % 64); }

}  // namespace

KnownKeys::KnownKeys() : words_(kBits / 64) {}

void KnownKeys::Add(std::string_view key) {
  for (const size_t place : Places(key)) words_[place / 64] |= BitOf(place);
}

bool KnownKeys::MayHave(std::string_view key) const {
  if (!complete_) return true;
  for (const size_t place : Places(key)) {
    if ((words_[place / 64] & BitOf(place)) == 0) return false;
  }
  return true;
}

}  // namespace remuda
