#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace remuda {

// Half of a CURVE key pair, as 40 characters of Z85.
inline constexpr size_t kKeyCharacters = 40;

// The half that anybody may know; it names a peer.
//
// Thread: a value. Lifetime: a value.
class PublicKey {
 public:
  // Errors: InvalidArgument for what is not 40 characters of Z85.
  static absl::StatusOr<PublicKey> Parse(std::string_view text);
  // From the 32 bytes that travel in a handshake.
  static PublicKey FromBytes(std::string_view bytes);

  const std::string& text() const { return text_; }

  friend bool operator==(const PublicKey&, const PublicKey&) = default;
  friend auto operator<=>(const PublicKey&, const PublicKey&) = default;

 private:
  explicit PublicKey(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

// The half that proves who one is. Has no way into a log: it cannot be printed,
// and each copy wipes itself.
//
// Thread: a value. Lifetime: a value.
class SecretKey {
 public:
  // Errors: InvalidArgument as above; the text is not repeated.
  static absl::StatusOr<SecretKey> Parse(std::string_view text);

  SecretKey(const SecretKey&) = default;
  // Copies, as a moved-from string may keep the characters.
  SecretKey& operator=(const SecretKey& other);
  ~SecretKey();

  // For libzmq and the key file, and nothing else.
  const std::string& reveal() const { return text_; }

  // The other half, which follows from this one.
  PublicKey DerivePublic() const;

 private:
  explicit SecretKey(std::string_view text) : text_(text) {}

  std::string text_;
};

struct KeyPair {
  PublicKey public_key;
  SecretKey secret_key;
};

// A new pair from the kernel's random numbers. Safe while sockets are open,
// which zmq_curve_keypair() of libzmq 4.3.4 is not.
KeyPair MakeKeyPair();

// Overwrites what the string holds and empties it.
void Wipe(std::string& secret);

}  // namespace remuda
