#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/api/answers.h"
#include "coordinator/api/routes.h"
#include "coordinator/api/tokens.h"

namespace remuda {

// What the first lines of a request say.
struct RequestHead {
  std::string method;
  std::string target;
  std::optional<std::string> host;
  std::optional<std::string> origin;
  std::optional<std::string> authorization;
  std::optional<std::string> preflight_method;
  std::string content_type;
  std::optional<std::string> key;
  std::optional<uint64_t> content_length;
};

// What becomes of a request before any of its body is read.
struct Admission {
  // Instead of anything else.
  std::optional<Answer> answer;
  // Of whatever is answered.
  std::vector<std::pair<std::string, std::string>> headers;

  const char* route = "none";
  RouteMatch match;
  Tokens::Holder holder;
  // The most that its body may have.
  size_t body_bytes_max = 0;
  // The role may not: the coordinator says so, whatever the body.
  bool denied = false;
};

// Decides who comes in, from where, and what for, by the head of a request
// alone. That a role may not do a thing it leaves to the coordinator, which
// counts that.
//
// Thread: confined to the API's.
class Gate {
 public:
  static constexpr size_t kKeyBytesMax = 128;
  // Of requests whose body means nothing.
  static constexpr size_t kIdleBodyBytesMax = 1u << 10;

  struct Options {
    bool needs_token = false;
    // The names by which this machine is asked; empty: any. Without them a
    // page from elsewhere could be led here by its own name (DNS rebinding).
    std::vector<std::string> hosts = {};
    // Of the pages that may ask; no other page may.
    std::vector<std::string> origins = {};
  };

  explicit Gate(Options options) : options_(std::move(options)) {}

  Admission Admit(const RequestHead& head) const;

  void SetTokens(Tokens tokens) { tokens_ = std::move(tokens); }

  // Whether one that was let in earlier still would be.
  bool StillAdmits(const Tokens::Holder& holder) const {
    return !options_.needs_token || tokens_.Has(holder);
  }

 private:
  std::optional<Problem> CheckHost(const RequestHead& head) const;
  std::optional<Problem> CheckOrigin(const RequestHead& head,
                                     Admission& admission) const;
  std::optional<Problem> CheckToken(const RequestHead& head,
                                    Admission& admission) const;
  std::optional<Problem> CheckBody(const RequestHead& head,
                                   Admission& admission) const;

  const Options options_;
  Tokens tokens_;
};

}  // namespace remuda
