#include "base/digest.h"

#include <sodium/crypto_generichash.h>

#include <cstddef>

#include "base/check.h"

namespace remuda {
namespace {

constexpr size_t kDigestBytes = 32;
constexpr size_t kShortDigestBytes = 16;

const unsigned char* Bytes(std::string_view data) {
  return reinterpret_cast<const unsigned char*>(data.data());
}

std::string Hex(const unsigned char* bytes, size_t size) {
  std::string hex;
  hex.reserve(2 * size);
  for (size_t i = 0; i < size; ++i) {
    hex += "0123456789abcdef"[bytes[i] >> 4];
    hex += "0123456789abcdef"[bytes[i] & 15];
  }
  return hex;
}

std::string Hash(std::string_view data, size_t size) {
  unsigned char digest[kDigestBytes];
  CHECK(crypto_generichash(digest, size, Bytes(data), data.size(), nullptr,
                           0) == 0);
  return Hex(digest, size);
}

}  // namespace

struct Digest::State {
  crypto_generichash_state hash;
};

std::string DigestHex(std::string_view data) {
  return Hash(data, kDigestBytes);
}

std::string ShortDigestHex(std::string_view data) {
  return Hash(data, kShortDigestBytes);
}

Digest::Digest() : state_(std::make_unique<State>()) {
  CHECK(crypto_generichash_init(&state_->hash, nullptr, 0, kDigestBytes) == 0);
}

Digest::~Digest() = default;

void Digest::Update(std::string_view data) {
  CHECK(crypto_generichash_update(&state_->hash, Bytes(data), data.size()) ==
        0);
}

void Digest::Update(uint64_t number) {
  unsigned char bytes[8];
  for (size_t i = 0; i < sizeof(bytes); ++i) {
    bytes[i] = static_cast<unsigned char>(number >> (8 * i));
  }
  CHECK(crypto_generichash_update(&state_->hash, bytes, sizeof(bytes)) == 0);
}

std::string Digest::Hex() const {
  State copy = *state_;
  unsigned char digest[kDigestBytes];
  CHECK(crypto_generichash_final(&copy.hash, digest, sizeof(digest)) == 0);
  return remuda::Hex(digest, sizeof(digest));
}

}  // namespace remuda
