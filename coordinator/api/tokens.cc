#include "coordinator/api/tokens.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/file_descriptor.h"
#include "nlohmann/json.hpp"
#include "wire/private_file.h"

namespace remuda {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kPrefix[] = "rmd_";
constexpr size_t kSecretBytes = 32;

void InitSodium() { CHECK(sodium_init() >= 0); }

Tokens::Hash HashOf(std::string_view token) {
  Tokens::Hash hash;
  crypto_hash_sha256(hash.data(),
                     reinterpret_cast<const unsigned char*>(token.data()),
                     token.size());
  return hash;
}

bool IsName(const std::string& name) {
  const auto is_first = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= 63 && is_first(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return is_first(c) || c == '_' || c == '.' || c == '-';
         });
}

// Roles of tokens: agents speak ZeroMQ and have keys.
std::optional<Role> TokenRole(const std::string& name) {
  const std::optional<Role> role = RoleFromName(name);
  if (role == Role::kAgent) return std::nullopt;
  return role;
}

std::string Hex(const Tokens::Hash& hash) {
  std::string text(2 * hash.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), hash.data(), hash.size());
  text.pop_back();
  return text;
}

std::string TextAt(const Json& json, const char* key) {
  const auto at = json.find(key);
  return at != json.end() && at->is_string() ? at->get<std::string>() : "";
}

absl::StatusOr<Tokens::Holder> ReadHolder(const std::string& path,
                                          const std::string& name) {
  const absl::StatusOr<std::string> text = ReadTrustedFile(path);
  if (!text.ok()) return text.status();
  const Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object()) return absl::InvalidArgumentError("is no JSON object");
  if (TextAt(json, "name") != name || !IsName(name)) {
    return absl::InvalidArgumentError(
        "its name is not that of the file, or cannot be one");
  }
  const std::optional<Role> role = TokenRole(TextAt(json, "role"));
  if (!role.has_value()) {
    return absl::InvalidArgumentError(
        "its role is not submitter, viewer or operator");
  }
  Tokens::Holder holder = {.identity = {.role = *role, .name = name}};
  const std::string hex = TextAt(json, "sha256");
  size_t size = 0;
  if (sodium_hex2bin(holder.hash.data(), holder.hash.size(), hex.data(),
                     hex.size(), nullptr, &size, nullptr) != 0 ||
      size != holder.hash.size() || hex.size() != 2 * size) {
    return absl::InvalidArgumentError("its sha256 is not 64 hex digits");
  }
  return holder;
}

absl::Status WriteNew(const std::string& path, const std::string& text) {
  const UniqueFd fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) {
    if (errno == EEXIST) {
      return absl::AlreadyExistsError(
          path + " exists; remove it to take that token's access away");
    }
    return absl::InvalidArgumentError("cannot write " + path + ": " +
                                      std::strerror(errno));
  }
  if (write(fd.get(), text.data(), text.size()) !=
          static_cast<ssize_t>(text.size()) ||
      fsync(fd.get()) != 0) {
    const std::string reason = std::strerror(errno);
    unlink(path.c_str());
    return absl::InvalidArgumentError("cannot write " + path + ": " + reason);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Tokens::Read> Tokens::ReadFolder(const std::string& folder) {
  InitSodium();
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  if (error) {
    return absl::InvalidArgumentError("cannot read the tokens in " + folder +
                                      ": " + error.message());
  }
  std::vector<std::filesystem::path> paths;
  for (; entries != std::filesystem::directory_iterator();
       entries.increment(error)) {
    if (error) break;
    if (entries->path().extension() == ".json") {
      paths.push_back(entries->path());
    }
    if (paths.size() > kTokensMax) {
      return absl::InvalidArgumentError("there are more than " +
                                        std::to_string(kTokensMax) +
                                        " tokens in " + folder);
    }
  }
  std::sort(paths.begin(), paths.end());
  Read read;
  for (const std::filesystem::path& path : paths) {
    absl::StatusOr<Holder> holder =
        ReadHolder(path.string(), path.stem().string());
    if (holder.ok()) {
      read.tokens.holders_.push_back(*std::move(holder));
    } else {
      // What is wrong with its rights names the file by itself.
      const std::string problem(holder.status().message());
      read.problems.push_back(problem.find(path.string()) != std::string::npos
                                  ? problem
                                  : path.string() + ": " + problem);
    }
  }
  return read;
}

absl::StatusOr<std::string> Tokens::Make(const std::string& folder,
                                         const std::string& name,
                                         const std::string& role) {
  InitSodium();
  if (!IsName(name)) {
    return absl::InvalidArgumentError(
        "'" + name +
        "' cannot be a name: up to 63 of a-z 0-9 _ . -, the first one a "
        "letter or digit");
  }
  if (!TokenRole(role).has_value()) {
    return absl::InvalidArgumentError(
        "'" + role + "' is no role of a token: submitter, viewer or operator");
  }
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return absl::InvalidArgumentError("cannot make the folder " + folder +
                                      ": " + std::strerror(errno));
  }
  unsigned char secret[kSecretBytes];
  randombytes_buf(secret, sizeof(secret));
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  char coded[sodium_base64_ENCODED_LEN(kSecretBytes, kVariant)];
  sodium_bin2base64(coded, sizeof(coded), secret, sizeof(secret), kVariant);
  const std::string token = std::string(kPrefix) + coded;
  const Json entry = {
      {"name", name}, {"role", role}, {"sha256", Hex(HashOf(token))}};
  const absl::Status written =
      WriteNew(folder + "/" + name + ".json", entry.dump(2) + "\n");
  if (!written.ok()) return written;
  return token;
}

const Tokens::Holder* Tokens::Find(std::string_view token) const {
  const Hash hash = HashOf(token);
  const Holder* found = nullptr;
  for (const Holder& holder : holders_) {
    // All are compared, and each in whole.
    if (sodium_memcmp(holder.hash.data(), hash.data(), hash.size()) == 0) {
      found = &holder;
    }
  }
  return found;
}

bool Tokens::Has(const Holder& holder) const {
  return std::find(holders_.begin(), holders_.end(), holder) != holders_.end();
}

}  // namespace remuda
