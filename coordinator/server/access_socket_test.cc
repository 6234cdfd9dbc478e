// Who may say what, over connections with keys: every message by every role.

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <variant>

#include "coordinator/server/coordinator_server.h"
#include "coordinator/server/scripted_peer.h"
#include "coordinator/store/reader.h"
#include "wire/key_maker.h"

namespace remuda {
namespace {

class AccessSocketTest : public ::testing::Test {
 protected:
  AccessSocketTest()
      : folder_(std::string(::testing::TempDir()) + "/access_socket") {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    std::vector<KeyToMake> wanted;
    for (const Role role :
         {Role::kAgent, Role::kSubmitter, Role::kViewer, Role::kOperator}) {
      wanted.push_back({.identity = {.role = role, .name = RoleName(role)}});
    }
    const auto made = MakeKeys(folder_ + "/keys", wanted);
    CHECK_OK(made);
    for (const MadeKeys::Peer& peer : made->peers) {
      auto key = LoadPeerKey(peer.key);
      CHECK_OK(key);
      keys_.emplace(peer.identity.role, *std::move(key));
    }
    CoordinatorOptions options;
    options.data = folder_ + "/state";
    options.keys = folder_ + "/keys";
    auto server = CoordinatorServer::Start(options, context_);
    CHECK_OK(server);
    server_ = *std::move(server);
    // The term's own event is stored soon after the start.
    ScriptedPeer peer(server_->endpoint(), context_, keys_.at(Role::kOperator));
    while (History().empty()) peer.CallFor<Info>(GetInfo{});
  }
  ~AccessSocketTest() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  // All that ever happened, as it is stored.
  std::string History() {
    auto reader = StoreReader::Open(folder_ + "/state/remuda.sqlite");
    CHECK_OK(reader);
    auto rows = reader->History(0, 10'000);
    CHECK_OK(rows);
    std::string text;
    for (const HistoryRow& row : *rows) {
      text += row.kind + row.body + "\n";
      if (row.definition != nullptr) text += *row.definition + "\n";
    }
    return text;
  }

  std::string folder_;
  std::map<Role, PeerKey> keys_;
  WireContext context_;
  std::unique_ptr<CoordinatorServer> server_;
};

TEST_F(AccessSocketTest, OnlyAnAgentsKeySpeaksAsAgent) {
  Hello hello;
  hello.version = "test";
  hello.name = "somebody";
  hello.instance = "00112233445566778899aabbccddeeff";
  hello.number = 1;
  hello.results_first = 1;
  const std::vector<AgentMessage> messages = {
      hello,
      Heartbeat{.sequence = 1},
      Results{.sequence = 1},
      LogChunk{.sequence = 1, .attempt = {.job = {1}}, .bytes = "x"},
      Goodbye{.reason = "none"},
      Findings{}};
  ASSERT_EQ(messages.size(), std::variant_size_v<AgentMessage>);
  const std::string before = History();
  for (const Role role : {Role::kSubmitter, Role::kViewer, Role::kOperator}) {
    ScriptedPeer peer(server_->endpoint(), context_, keys_.at(role));
    for (const AgentMessage& message : messages) {
      peer.SendFrame(EncodeAgent(message, Term{1}, SessionId{1}));
      const CoordinatorFrame frame = peer.Hear<Refusal>();
      EXPECT_EQ(std::get<Refusal>(frame.message).code,
                Refusal::Code::kForbidden)
          << RoleName(role) << " " << message.index();
      // Of the session that was refused, so that nobody else takes it.
      EXPECT_EQ(frame.session, SessionId{1});
    }
  }
  EXPECT_EQ(History(), before);
}

TEST_F(AccessSocketTest, WhatTheTableDeniesChangesNothing) {
  const std::vector<ClientRequest> requests = {
      UploadItems{.key = "k", .bytes = "1\n"},
      Submit{.key = "k", .jobs = {"{}"}},
      CancelJob{.job = {1}, .reason = "no"},
      GetJobs{},
      WatchJobs{.ids = {{1}}},
      GetResults{.job = {1}},
      GetLogs{.job = {1}},
      GetAgents{},
      GetInfo{},
      GetVerdicts{}};
  ASSERT_EQ(requests.size(), std::variant_size_v<ClientRequest>);
  const std::string before = History();
  for (auto& [role, key] : keys_) {
    ScriptedPeer peer(server_->endpoint(), context_, key);
    for (const ClientRequest& request : requests) {
      const ClientReply reply = peer.Call(request);
      const auto* error = std::get_if<RequestError>(&reply);
      EXPECT_EQ(
          error != nullptr && error->code == RequestError::Code::kForbidden,
          MayAsk(role, request) == Permission::kDenied)
          << RoleName(role) << " " << request.index();
    }
  }
  EXPECT_EQ(History(), before);
}

}  // namespace
}  // namespace remuda
