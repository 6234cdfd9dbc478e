#include "wire/key_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "wire/key_maker.h"
#include "wire/private_file.h"

namespace remuda {
namespace {

class KeyFilesTest : public testing::Test {
 protected:
  KeyFilesTest() {
    std::string pattern = testing::TempDir() + "/keys_XXXXXX";
    root_ = mkdtemp(pattern.data());
    folder_ = root_ + "/keys";
  }
  ~KeyFilesTest() override { std::filesystem::remove_all(root_); }

  static KeyToMake Key(Role role, const std::string& name,
                       uint32_t sessions = 1) {
    return {.identity = {.role = role, .name = name}, .sessions = sessions};
  }

  static std::string Text(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  // The file with one part of its text replaced.
  static void Replace(const std::string& path, const std::string& from,
                      const std::string& to) {
    std::string text = Text(path);
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    std::ofstream(path) << text;
  }

  void ExpectBroken(const std::string& what) {
    const absl::Status status = LoadAllowList(folder_ + "/allowed").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    const std::string said(status.message());
    EXPECT_NE(said.find(".json"), std::string::npos) << said;
    EXPECT_NE(said.find(what), std::string::npos) << said;
  }

  std::string root_;
  std::string folder_;
};

TEST_F(KeyFilesTest, WhatIsMadeCanBeRead) {
  const auto made = MakeKeys(
      folder_, {Key(Role::kAgent, "a1"), Key(Role::kAgent, "fleet", 20),
                Key(Role::kSubmitter, "alice"), Key(Role::kViewer, "board"),
                Key(Role::kOperator, "root")});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(made->server_is_new);
  const auto server = LoadServerKey(made->server_key);
  ASSERT_TRUE(server.ok()) << server.status();
  const auto list = LoadAllowList(folder_ + "/allowed");
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->by_key.size(), 5u);
  for (const MadeKeys::Peer& peer : made->peers) {
    const auto key = LoadPeerKey(peer.key);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->server, server->public_key);
    EXPECT_EQ(key->name, peer.identity.name);
    const AllowEntry& entry = *list->by_key.at(key->pair.public_key);
    EXPECT_EQ(entry.identity, peer.identity);
    EXPECT_EQ(entry.sessions, peer.identity.name == "fleet" ? 20u : 1u);
  }
  for (const char* secret : {"/server.key", "/peers/a1.key"}) {
    struct stat found = {};
    ASSERT_EQ(stat((folder_ + secret).c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777, 0600u);
  }
}

TEST_F(KeyFilesTest, AddsWithoutOverwriting) {
  ASSERT_TRUE(MakeKeys(folder_, {Key(Role::kAgent, "a1")}).ok());
  const std::string server = Text(folder_ + "/server.key");
  const std::string first = Text(folder_ + "/peers/a1.key");
  const auto more = MakeKeys(folder_, {Key(Role::kAgent, "a2")});
  ASSERT_TRUE(more.ok()) << more.status();
  EXPECT_FALSE(more->server_is_new);
  EXPECT_EQ(
      MakeKeys(folder_, {Key(Role::kAgent, "a3"), Key(Role::kViewer, "a1")})
          .status()
          .code(),
      absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Text(folder_ + "/server.key"), server);
  EXPECT_EQ(Text(folder_ + "/peers/a1.key"), first);
  EXPECT_EQ(LoadAllowList(folder_ + "/allowed")->by_key.size(), 2u);
}

TEST_F(KeyFilesTest, RefusesBadNames) {
  for (const char* name : {"", "A", "a/b", "../a", ".a", "-a", "a b", "ä"}) {
    EXPECT_EQ(MakeKeys(folder_, {Key(Role::kAgent, name)}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
  EXPECT_FALSE(
      MakeKeys(folder_, {Key(Role::kAgent, std::string(64, 'a'))}).ok());
  EXPECT_FALSE(
      MakeKeys(folder_, {Key(Role::kAgent, "a"), Key(Role::kViewer, "a")})
          .ok());
  EXPECT_FALSE(std::filesystem::exists(folder_));
}

TEST_F(KeyFilesTest, AnEntryIsReadStrictly) {
  ASSERT_TRUE(MakeKeys(folder_, {Key(Role::kAgent, "a1")}).ok());
  const std::string path = folder_ + "/allowed/a1.json";
  const std::string good = Text(path);
  const struct {
    const char* from;
    const char* to;
    const char* said;
  } cases[] = {
      {"{", "[", "one JSON object"},
      {"\"name\"", "\"role\": \"agent\", \"name\"", "one JSON object"},
      {"allow-entry", "allow", "kind"},
      {"\"role\": \"agent\"", "\"role\": \"local\"", "role"},
      {"\"role\": \"agent\"", "\"role\": \"viewer\"", "sessions"},
      {"\"role\": \"agent\",", "", "role"},
      {"\"public\": \"", "\"public\": \"0", "Z85"},
      {"\"sessions\": 1", "\"sessions\": 0", "sessions"},
      {"\"sessions\": 1", "\"sessions\": 1.5", "sessions"},
      {"\"sessions\": 1", "\"sessions\": -1", "sessions"},
      {"\"sessions\": 1", "\"sessions\": 10001", "sessions"},
      {"\"sessions\": 1", "\"session\": 1", "not known"},
      {"\"sessions\": 1", "\"job_types\": []", "not supported yet"},
      {"\"name\": \"a1\"", "\"name\": \"a2\"", "named"},
      {"\"name\": \"a1\"", "\"name\": \"A1\"", "name"},
  };
  for (const auto& one : cases) {
    Replace(path, one.from, one.to);
    ExpectBroken(one.said);
    std::ofstream(path) << good;
  }
  EXPECT_TRUE(LoadAllowList(folder_ + "/allowed").ok());
}

TEST_F(KeyFilesTest, AKeyHasOneEntry) {
  ASSERT_TRUE(MakeKeys(folder_, {Key(Role::kAgent, "a1")}).ok());
  const std::string twin = folder_ + "/allowed/a2.json";
  std::filesystem::copy(folder_ + "/allowed/a1.json", twin);
  Replace(twin, "a1", "a2");
  ExpectBroken("too");
}

TEST_F(KeyFilesTest, PassesOverNothingButDotFiles) {
  ASSERT_TRUE(MakeKeys(folder_, {Key(Role::kAgent, "a1")}).ok());
  std::ofstream(folder_ + "/allowed/.a2.json.7.part") << "{";
  EXPECT_TRUE(LoadAllowList(folder_ + "/allowed").ok());
  std::filesystem::copy(folder_ + "/allowed/a1.json",
                        folder_ + "/allowed/a1.json~");
  ExpectBroken("a1.json~");
}

TEST_F(KeyFilesTest, HalvesMustMatch) {
  ASSERT_TRUE(MakeKeys(folder_, {}).ok());
  const std::string path = folder_ + "/server.key";
  const auto pair = LoadServerKey(path);
  ASSERT_TRUE(pair.ok());
  Replace(path, pair->public_key.text(), MakeKeyPair().public_key.text());
  const absl::Status status = LoadServerKey(path).status();
  const std::string said(status.message());
  EXPECT_NE(said.find("belong together"), std::string::npos) << said;
  EXPECT_EQ(said.find(pair->secret_key.reveal()), std::string::npos);
}

TEST_F(KeyFilesTest, APeersFileIsNoServersFile) {
  ASSERT_TRUE(MakeKeys(folder_, {Key(Role::kAgent, "a1")}).ok());
  EXPECT_FALSE(LoadServerKey(folder_ + "/peers/a1.key").ok());
  EXPECT_FALSE(LoadPeerKey(folder_ + "/server.key").ok());
}

}  // namespace
}  // namespace remuda
