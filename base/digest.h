#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace remuda {

// BLAKE2b with 256 bits as 64 lower-case hex digits: names contents and
// compares runs. Safe against collisions made on purpose; not a password hash.
std::string DigestHex(std::string_view data);

// The first 128 bits of another BLAKE2b (its length is part of the hash), as
// 32 digits, for names that people read.
std::string ShortDigestHex(std::string_view data);

// The digest of what arrives in pieces. The pieces' borders do not count: mix
// in lengths where they matter.
//
// Thread: confined to its owner.
class Digest {
 public:
  Digest();
  ~Digest();
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  void Update(std::string_view data);

  // Eight bytes, least significant first, the same on every machine.
  void Update(uint64_t number);

  // DigestHex() of all so far; more may follow.
  std::string Hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace remuda
