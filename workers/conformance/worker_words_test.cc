#include "workers/conformance/worker_words.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

TEST(WorkerWordsTest, ReadsHelloWithItsModes) {
  const WorkerWords words = ReadWorkerWords(
      R"({"type":"hello","protocol":2,"pid":7,"language":"x",
          "modes":["loop"]})");
  EXPECT_EQ(words.fault, "");
  EXPECT_EQ(words.protocol, 2u);
  EXPECT_EQ(words.pid, 7u);
  EXPECT_EQ(words.modes, std::vector<std::string>{"loop"});
}

TEST(WorkerWordsTest, HelloWithoutModesOffersProcess) {
  EXPECT_EQ(ReadWorkerWords(R"({"type":"hello"})").modes,
            std::vector<std::string>{"process"});
}

TEST(WorkerWordsTest, ReadsEndsOfAllForms) {
  const WorkerWords many = ReadWorkerWords(
      R"({"type":"results","results":[{"id":"3","count":2,"ending":"error",
         "error":"no"},{"id":"5","ending":"returned"}]})");
  ASSERT_EQ(many.ends.size(), 2u);
  EXPECT_EQ(many.ends[0].first, 3u);
  EXPECT_EQ(many.ends[0].count, 2u);
  EXPECT_EQ(many.ends[0].error, "no");
  EXPECT_EQ(many.ends[1].ending, "returned");
  const WorkerWords one =
      ReadWorkerWords(R"({"type":"result","id":"1","output":"[1]"})");
  ASSERT_EQ(one.ends.size(), 1u);
  EXPECT_EQ(one.ends[0].ending, "succeeded");
  EXPECT_EQ(one.ends[0].output, "[1]");
}

TEST(WorkerWordsTest, SaysWhatAnAgentWouldNotTake) {
  for (const char* body :
       {"[]", "{", R"({"type":"applause"})", R"({"type":"results"})",
        R"({"type":"result"})", R"({"type":"result","id":7})",
        R"({"type":"result","id":"7x"})",
        R"({"type":"result","id":"1","output":{}})",
        R"({"type":"result","id":"1","output":"{"})",
        R"({"type":"results","results":[{"id":"1","ending":"nice"}]})"}) {
    EXPECT_NE(ReadWorkerWords(body).fault, "") << body;
  }
}

TEST(WorkerWordsTest, VerdictIsOneLineOfJson) {
  const std::string line = JudgedCheckJson({.mode = "loop",
                                            .name = "ping",
                                            .verdict = "failed",
                                            .meaning = "m",
                                            .seen = "a \"b\"\n\xff",
                                            .rule = "r"});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_NE(line.find(R"("verdict":"failed")"), std::string::npos) << line;
  EXPECT_NE(line.find(R"(\"b\")"), std::string::npos) << line;
}

TEST(WorkerWordsTest, ProgressNamesItsTaskAndHowFarItIs) {
  EXPECT_EQ(
      ReadWorkerWords(R"({"type":"progress","id":"3","fraction":0.5})").fault,
      "");
  for (const char* bad :
       {R"({"type":"progress","fraction":0.5})",
        R"({"type":"progress","id":"3","fraction":"half"})"}) {
    EXPECT_NE(ReadWorkerWords(bad).fault, "") << bad;
  }
}

}  // namespace
}  // namespace remuda
