#include "wire/curve_key.h"

#include <sodium.h>
#include <zmq.h>

#include <array>
#include <utility>

#include "base/check.h"

namespace remuda {
namespace {

constexpr size_t kKeyBytes = 32;
static_assert(kKeyBytes == crypto_scalarmult_BYTES);
static_assert(kKeyBytes == crypto_scalarmult_SCALARBYTES);

using Bytes = std::array<unsigned char, kKeyBytes>;

constexpr std::string_view kZ85 =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    ".-:+=^!/*?&<>()[]{}@%$#";

// libzmq decodes some texts that overflow 32 bits in a group; a second way to
// write a key would be a second name for a peer.
bool Decode(std::string_view text, Bytes& bytes) {
  if (text.size() != kKeyCharacters ||
      text.find_first_not_of(kZ85) != std::string_view::npos) {
    return false;
  }
  std::string terminated(text);
  std::array<char, kKeyCharacters + 1> again{};
  const bool same =
      zmq_z85_decode(bytes.data(), terminated.c_str()) != nullptr &&
      zmq_z85_encode(again.data(), bytes.data(), bytes.size()) != nullptr &&
      terminated == again.data();
  sodium_memzero(again.data(), again.size());
  Wipe(terminated);
  return same;
}

std::string Encode(const unsigned char* bytes) {
  std::array<char, kKeyCharacters + 1> text{};
  CHECK(zmq_z85_encode(text.data(), bytes, kKeyBytes) != nullptr);
  std::string encoded(text.data());
  sodium_memzero(text.data(), text.size());
  return encoded;
}

absl::Status NoKey() {
  return absl::InvalidArgumentError(
      "a key has " + std::to_string(kKeyCharacters) + " characters of Z85");
}

}  // namespace

absl::StatusOr<PublicKey> PublicKey::Parse(std::string_view text) {
  Bytes bytes{};
  if (!Decode(text, bytes)) return NoKey();
  return PublicKey(std::string(text));
}

PublicKey PublicKey::FromBytes(std::string_view bytes) {
  CHECK(bytes.size() == kKeyBytes);
  return PublicKey(
      Encode(reinterpret_cast<const unsigned char*>(bytes.data())));
}

absl::StatusOr<SecretKey> SecretKey::Parse(std::string_view text) {
  Bytes bytes{};
  const bool good = Decode(text, bytes);
  sodium_memzero(bytes.data(), bytes.size());
  if (!good) return NoKey();
  return SecretKey(text);
}

SecretKey& SecretKey::operator=(const SecretKey& other) {
  if (this == &other) return *this;
  Wipe(text_);
  text_ = other.text_;
  return *this;
}

SecretKey::~SecretKey() { Wipe(text_); }

PublicKey SecretKey::DerivePublic() const {
  Bytes secret{};
  Bytes derived{};
  CHECK(Decode(text_, secret));
  CHECK(crypto_scalarmult_base(derived.data(), secret.data()) == 0);
  sodium_memzero(secret.data(), secret.size());
  return PublicKey::FromBytes(
      {reinterpret_cast<const char*>(derived.data()), derived.size()});
}

KeyPair MakeKeyPair() {
  CHECK(sodium_init() >= 0);
  Bytes bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  std::string text = Encode(bytes.data());
  sodium_memzero(bytes.data(), bytes.size());
  auto secret = SecretKey::Parse(text);
  Wipe(text);
  CHECK(secret.ok());
  return {.public_key = secret->DerivePublic(), .secret_key = *secret};
}

void Wipe(std::string& secret) {
  sodium_memzero(secret.data(), secret.size());
  secret.clear();
}

}  // namespace remuda
