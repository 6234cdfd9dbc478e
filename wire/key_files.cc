#include "wire/key_files.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "nlohmann/json.hpp"
#include "wire/private_file.h"

namespace remuda {
namespace {

using Json = nlohmann::json;

constexpr char kServerKind[] = "remuda-server-key";
constexpr char kPeerKind[] = "remuda-peer-key";
constexpr char kAllowKind[] = "remuda-allow-entry";
constexpr size_t kNameCharactersMax = 63;

// The members of one file's object, taken one by one; what is left over at
// the end is not known.
class Members {
 public:
  // Errors name the file and never repeat what is in it.
  static absl::StatusOr<Members> Parse(const std::string& path,
                                       const std::string& content,
                                       const char* kind) {
    std::set<std::string> keys;
    bool twice = false;
    const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
      if (event == Json::parse_event_t::key && depth == 1 &&
          !keys.insert(value.get<std::string>()).second) {
        twice = true;
      }
      return true;
    };
    Members members(path, Json::parse(content, watch, false));
    if (!members.object_.is_object() || twice) {
      return members.Error("it is not one JSON object");
    }
    absl::StatusOr<std::string> found = members.Text("kind");
    if (!found.ok()) return found.status();
    if (*found != kind) {
      return members.Error("its kind is not \"" + std::string(kind) + "\"");
    }
    return members;
  }

  ~Members() {
    for (auto& [key, value] : object_.items()) {
      if (value.is_string()) Wipe(value.get_ref<std::string&>());
    }
  }
  Members(Members&&) = default;
  Members& operator=(Members&&) = delete;
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  absl::Status Error(const std::string& what) const {
    return absl::InvalidArgumentError(path_ + ": " + what);
  }

  bool Has(const char* key) const { return object_.contains(key); }

  absl::StatusOr<std::string> Text(const char* key) {
    const auto found = object_.find(key);
    if (found == object_.end()) {
      return Error("\"" + std::string(key) + "\" is missing");
    }
    if (!found->is_string()) {
      return Error("\"" + std::string(key) + "\" is not text");
    }
    std::string text = found->get<std::string>();
    Wipe(found->get_ref<std::string&>());
    object_.erase(found);
    return text;
  }

  absl::StatusOr<std::string> NameText() {
    absl::StatusOr<std::string> name = Text("name");
    if (name.ok() && !IsIdentityName(*name)) {
      return Error("its name is not [a-z0-9][a-z0-9_.-]*, 63 at most");
    }
    return name;
  }

  absl::StatusOr<PublicKey> Key(const char* key) {
    absl::StatusOr<std::string> text = Text(key);
    if (!text.ok()) return text.status();
    absl::StatusOr<PublicKey> parsed = PublicKey::Parse(*text);
    if (parsed.ok()) return parsed;
    return Error("\"" + std::string(key) +
                 "\": " + std::string(parsed.status().message()));
  }

  // Both halves, which have to belong together.
  absl::StatusOr<KeyPair> Pair() {
    absl::StatusOr<PublicKey> open = Key("public");
    if (!open.ok()) return open.status();
    absl::StatusOr<std::string> text = Text("secret");
    if (!text.ok()) return text.status();
    absl::StatusOr<SecretKey> secret = SecretKey::Parse(*text);
    Wipe(*text);
    if (!secret.ok()) {
      return Error("\"secret\": " + std::string(secret.status().message()));
    }
    if (secret->DerivePublic() != *open) {
      return Error("\"public\" and \"secret\" do not belong together");
    }
    return KeyPair{.public_key = *open, .secret_key = *secret};
  }

  absl::StatusOr<uint32_t> Sessions() {
    const Json sessions = object_.at("sessions");
    object_.erase("sessions");
    if (!sessions.is_number_unsigned() || sessions.get<uint64_t>() < 1 ||
        sessions.get<uint64_t>() > AllowEntry::kSessionsMax) {
      return Error("\"sessions\" is not a number from 1 to " +
                   std::to_string(AllowEntry::kSessionsMax));
    }
    return sessions.get<uint32_t>();
  }

  absl::Status End() const {
    if (object_.empty()) return absl::OkStatus();
    return Error("\"" + object_.begin().key() + "\" is not known here");
  }

 private:
  Members(std::string path, Json object)
      : path_(std::move(path)), object_(std::move(object)) {}

  std::string path_;
  Json object_;
};

// A key file that will not do is a mistake of whoever named it, be it in the
// file's content or in its rights.
absl::Status Mistake(const absl::Status& status) {
  return absl::InvalidArgumentError(std::string(status.message()));
}

absl::StatusOr<Members> OpenSecret(const std::string& path, const char* kind) {
  absl::StatusOr<std::string> content = ReadSecretFile(path);
  if (!content.ok()) return Mistake(content.status());
  absl::StatusOr<Members> members = Members::Parse(path, *content, kind);
  Wipe(*content);
  return members;
}

std::string Printed(const nlohmann::ordered_json& object) {
  return object.dump(2) + "\n";
}

}  // namespace

absl::StatusOr<KeyPair> LoadServerKey(const std::string& path) {
  absl::StatusOr<Members> members = OpenSecret(path, kServerKind);
  if (!members.ok()) return members.status();
  absl::StatusOr<KeyPair> pair = members->Pair();
  if (!pair.ok()) return pair.status();
  if (absl::Status end = members->End(); !end.ok()) return end;
  return pair;
}

absl::StatusOr<PeerKey> LoadPeerKey(const std::string& path) {
  absl::StatusOr<Members> members = OpenSecret(path, kPeerKind);
  if (!members.ok()) return members.status();
  absl::StatusOr<std::string> name = members->NameText();
  if (!name.ok()) return name.status();
  absl::StatusOr<KeyPair> pair = members->Pair();
  if (!pair.ok()) return pair.status();
  absl::StatusOr<PublicKey> server = members->Key("server");
  if (!server.ok()) return server.status();
  if (absl::Status end = members->End(); !end.ok()) return end;
  return PeerKey{.name = *name, .pair = *pair, .server = *server};
}

absl::StatusOr<AllowEntry> LoadAllowEntry(const std::string& path) {
  absl::StatusOr<std::string> content = ReadTrustedFile(path);
  if (!content.ok()) return Mistake(content.status());
  absl::StatusOr<Members> members = Members::Parse(path, *content, kAllowKind);
  if (!members.ok()) return members.status();
  absl::StatusOr<std::string> name = members->NameText();
  if (!name.ok()) return name.status();
  absl::StatusOr<std::string> role_text = members->Text("role");
  if (!role_text.ok()) return role_text.status();
  const std::optional<Role> role = RoleFromName(*role_text);
  if (!role.has_value()) {
    return members->Error(
        "its role is none of agent, submitter, viewer, operator");
  }
  absl::StatusOr<PublicKey> key = members->Key("public");
  if (!key.ok()) return key.status();
  if (members->Has("job_types")) {
    return members->Error("\"job_types\" is not supported yet");
  }
  uint32_t sessions = 1;
  if (members->Has("sessions")) {
    absl::StatusOr<uint32_t> given = members->Sessions();
    if (!given.ok()) return given.status();
    if (role != Role::kAgent) {
      return members->Error("only agents have \"sessions\"");
    }
    sessions = *given;
  }
  if (absl::Status end = members->End(); !end.ok()) return end;
  return AllowEntry{.identity = {.role = *role, .name = *name},
                    .key = *key,
                    .sessions = sessions};
}

absl::StatusOr<AllowList> LoadAllowList(const std::string& folder) {
  const absl::Status trusted = CheckTrustedFolder(folder);
  if (!trusted.ok()) return Mistake(trusted);
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator file(folder, error);
  for (; !error && file != std::filesystem::directory_iterator();
       file.increment(error)) {
    const std::string name = file->path().filename();
    if (!name.starts_with('.')) names.push_back(name);
  }
  if (error) {
    return absl::InvalidArgumentError("cannot list " + folder + ": " +
                                      error.message());
  }
  if (names.size() > AllowList::kEntriesMax) {
    return absl::InvalidArgumentError(folder + " has more than " +
                                      std::to_string(AllowList::kEntriesMax) +
                                      " entries");
  }
  // In order, so that the same folder gives the same error.
  std::sort(names.begin(), names.end());
  AllowList list;
  for (const std::string& name : names) {
    const std::string path = folder + "/" + name;
    absl::StatusOr<AllowEntry> entry = LoadAllowEntry(path);
    if (!entry.ok()) return entry.status();
    // So no two entries can have one name.
    if (name != entry->identity.name + ".json") {
      return absl::InvalidArgumentError(path + ": the entry in it is named \"" +
                                        entry->identity.name + "\"");
    }
    const auto [other, fresh] = list.by_key.try_emplace(
        entry->key, std::make_shared<const AllowEntry>(*entry));
    if (!fresh) {
      return absl::InvalidArgumentError(path + ": its key is that of \"" +
                                        other->second->identity.name +
                                        "\" too");
    }
  }
  return list;
}

std::string ServerKeyText(const KeyPair& pair) {
  return Printed({{"kind", kServerKind},
                  {"public", pair.public_key.text()},
                  {"secret", pair.secret_key.reveal()}});
}

std::string PeerKeyText(const PeerKey& key) {
  return Printed({{"kind", kPeerKind},
                  {"name", key.name},
                  {"public", key.pair.public_key.text()},
                  {"secret", key.pair.secret_key.reveal()},
                  {"server", key.server.text()}});
}

std::string AllowEntryText(const AllowEntry& entry) {
  nlohmann::ordered_json object = {{"kind", kAllowKind},
                                   {"name", entry.identity.name},
                                   {"role", RoleName(entry.identity.role)},
                                   {"public", entry.key.text()}};
  if (entry.identity.role == Role::kAgent) object["sessions"] = entry.sessions;
  return Printed(object);
}

bool IsIdentityName(std::string_view name) {
  constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::string_view kRest = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
  return !name.empty() && name.size() <= kNameCharactersMax &&
         kFirst.find(name.front()) != std::string_view::npos &&
         name.find_first_not_of(kRest) == std::string_view::npos;
}

}  // namespace remuda
