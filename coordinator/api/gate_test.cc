#include "coordinator/api/gate.h"

#include <filesystem>

#include "gtest/gtest.h"

namespace remuda {
namespace {

RequestHead Get(const std::string& target) {
  RequestHead head;
  head.method = "GET";
  head.target = target;
  head.host = "localhost:8080";
  return head;
}

const Gate::Options kLocal = {.hosts = {"127.0.0.1", "localhost", "[::1]"},
                              .origins = {"https://board.example"}};

int StatusOf(const Gate& gate, const RequestHead& head) {
  const Admission admission = gate.Admit(head);
  return admission.answer.has_value() ? admission.answer->status : 0;
}

TEST(GateTest, LetsLocalClientsIn) {
  const Gate gate(kLocal);
  const Admission admission = gate.Admit(Get("/v1/jobs"));
  EXPECT_FALSE(admission.answer.has_value());
  EXPECT_EQ(admission.holder.identity, Identity());
  EXPECT_STREQ(admission.route, "list_jobs");
  EXPECT_EQ(StatusOf(gate, Get("/nothing")), 404);
}

TEST(GateTest, KnowsItsOwnNames) {
  const Gate gate(kLocal);
  RequestHead head = Get("/v1/jobs");
  for (const char* host :
       {"localhost", "LocalHost:1", "127.0.0.1:8080", "[::1]:8080", "[::1]"}) {
    head.host = host;
    EXPECT_EQ(StatusOf(gate, head), 0) << host;
  }
  for (const char* host : {"evil.example", "evil.example:8080", "",
                           "localhost.evil.example", "127.0.0.1.evil"}) {
    head.host = host;
    EXPECT_EQ(StatusOf(gate, head), 421) << host;
  }
  head.host = std::nullopt;
  EXPECT_EQ(StatusOf(gate, head), 400);
  head.host = "anything.example";
  EXPECT_EQ(StatusOf(Gate({}), head), 0) << "off this machine TLS says who";
}

TEST(GateTest, PagesFromElsewhereMayNotAskWhateverTheMethod) {
  const Gate gate(kLocal);
  for (const char* method :
       {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"}) {
    RequestHead head = Get("/v1/jobs");
    head.method = method;
    for (const char* origin :
         {"https://evil.example", "null", "",
          "https://board.example.evil.example", "http://board.example"}) {
      head.origin = origin;
      EXPECT_EQ(StatusOf(gate, head), 403) << method << " " << origin;
      head.preflight_method = "POST";
      EXPECT_EQ(StatusOf(gate, head), 403) << method << " " << origin;
    }
  }
}

TEST(GateTest, AListedPageMay) {
  const Gate gate(kLocal);
  RequestHead head = Get("/v1/jobs");
  head.origin = "https://board.example";
  const Admission asked = gate.Admit(head);
  EXPECT_FALSE(asked.answer.has_value());
  EXPECT_EQ(asked.headers[0].second, "https://board.example");
  head.method = "OPTIONS";
  head.preflight_method = "POST";
  const Admission preflight = gate.Admit(head);
  ASSERT_TRUE(preflight.answer.has_value());
  EXPECT_EQ(preflight.answer->status, 204);
  EXPECT_EQ(preflight.headers[0].first, "Access-Control-Allow-Origin");
}

TEST(GateTest, WithTokensNobodyComesInWithoutOne) {
  const std::string folder = testing::TempDir() + "/gate_tokens";
  std::filesystem::remove_all(folder);
  const std::string token = *Tokens::Make(folder, "eye", "viewer");
  Gate gate({.needs_token = true});
  gate.SetTokens(std::move(Tokens::ReadFolder(folder)->tokens));
  RequestHead head = Get("/v1/jobs");
  EXPECT_EQ(StatusOf(gate, head), 401);
  for (const std::string& wrong :
       {std::string("Bearer"), std::string("Bearer "), "Basic " + token,
        "Bearer " + token + "x", token, "Bearer  " + token}) {
    head.authorization = wrong;
    EXPECT_EQ(StatusOf(gate, head), 401) << wrong;
  }
  head.authorization = "bearer " + token;
  const Admission admission = gate.Admit(head);
  EXPECT_FALSE(admission.answer.has_value());
  EXPECT_EQ(admission.holder.identity.name, "eye");
  EXPECT_TRUE(gate.StillAdmits(admission.holder));

  head.method = "POST";
  EXPECT_TRUE(gate.Admit(head).denied) << "for the coordinator to say";
  head.method = "GET";
  head.target = "/openapi.json";
  head.authorization = std::nullopt;
  EXPECT_EQ(StatusOf(gate, head), 0) << "the description is no secret";

  std::filesystem::remove_all(folder);
  gate.SetTokens({});
  EXPECT_FALSE(gate.StillAdmits(admission.holder));
}

TEST(GateTest, BodiesHaveTheirTypesAndSizes) {
  const Gate gate(kLocal);
  RequestHead head = Get("/v1/jobs");
  head.method = "POST";
  EXPECT_EQ(StatusOf(gate, head), 415);
  head.content_type = "text/plain";
  EXPECT_EQ(StatusOf(gate, head), 415) << "what a page may send without asking";
  head.content_type = "application/yaml";
  EXPECT_EQ(StatusOf(gate, head), 0);
  head.content_length = 1u << 20;
  EXPECT_EQ(StatusOf(gate, head), 0);
  head.content_length = (1u << 20) + 1;
  EXPECT_EQ(StatusOf(gate, head), 413);
  head.content_length = 0;
  head.key = std::string(128, 'k');
  EXPECT_EQ(StatusOf(gate, head), 0);
  for (const std::string& key : {std::string(), std::string(129, 'k')}) {
    head.key = key;
    EXPECT_EQ(StatusOf(gate, head), 400);
  }
}

}  // namespace
}  // namespace remuda
