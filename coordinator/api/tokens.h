#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "wire/access.h"

namespace remuda {

// Who may come in with which bearer token. Keeps hashes only, so that whoever
// reads the files cannot use them. Does not decide what a role may do.
//
// Thread: a value; any may read it.
class Tokens {
 public:
  static constexpr size_t kTokensMax = 10'000;
  using Hash = std::array<unsigned char, 32>;

  // One that was let in, or is to be.
  struct Holder {
    Identity identity;
    Hash hash{};

    friend bool operator==(const Holder&, const Holder&) = default;
  };

  // What a folder of token files holds, and what is wrong with the files that
  // count for nothing.
  struct Read;
  // Errors: InvalidArgument if the folder itself is no good.
  static absl::StatusOr<Read> ReadFolder(const std::string& folder);

  // Makes a token and its file, readable by this user only, and returns the
  // token: nothing keeps it.
  //
  // Errors: InvalidArgument for a name or role that cannot be; AlreadyExists
  //         if the name has a token.
  static absl::StatusOr<std::string> Make(const std::string& folder,
                                          const std::string& name,
                                          const std::string& role);

  // Null if nobody has this token. Takes equally long for every token.
  const Holder* Find(std::string_view token) const;

  // Whether one that was let in earlier still would be.
  bool Has(const Holder& holder) const;

  size_t size() const { return holders_.size(); }

 private:
  std::vector<Holder> holders_;
};

struct Tokens::Read {
  Tokens tokens;
  std::vector<std::string> problems;  // "FILE: what is wrong"
};

}  // namespace remuda
