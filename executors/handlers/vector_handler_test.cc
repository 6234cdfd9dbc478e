#include "executors/handlers/vector_handler.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "executors/handlers/vector_math.h"
#include "jobs/json_text.h"

namespace remuda {
namespace {

std::vector<double> Numbers(size_t count, double step) {
  std::vector<double> numbers(count);
  for (size_t i = 0; i < count; ++i) {
    numbers[i] = 0.1 + step * static_cast<double>(i);
  }
  return numbers;
}

std::vector<double> Plain(const std::vector<double>& x, double a,
                          std::vector<double> y) {
  for (size_t i = 0; i < x.size(); ++i) {
    const volatile double product = x[i] * a;  // rounded before the addition
    y[i] = product + y[i];
  }
  return y;
}

TEST(VectorMathTest, IsAPlainLoopForEveryLength) {
  for (size_t count = 0; count < 70; ++count) {
    const std::vector<double> x = Numbers(count, 0.7);
    std::vector<double> y = Numbers(count, -0.3);
    const std::vector<double> wanted = Plain(x, 2.1, y);
    MultiplyAdd(x, 2.1, y);
    EXPECT_EQ(y, wanted) << count << " with " << VectorUnit();
  }
}

TEST(VectorMathTest, UnalignedArraysAreTheSame) {
  const std::vector<double> x = Numbers(1001, 0.7);
  std::vector<double> y = Numbers(1001, 1.3);
  const std::vector<double> wanted = Plain(x, 3, y);
  y[0] = -1;
  MultiplyAdd(std::span(x).subspan(1), 3, std::span(y).subspan(1));
  EXPECT_EQ(y[0], -1);
  for (size_t i = 1; i < y.size(); ++i) ASSERT_EQ(y[i], wanted[i]) << i;
}

class VectorHandlerTest : public testing::Test {
 protected:
  VectorHandlerTest()
      : folder_(testing::TempDir() + "/vector-" +
                testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }

  HandlerResult Run(const std::string& parameters, uint32_t cpus = 1) {
    auto work = std::make_shared<JobWork>();
    work->job.type = "vector.axpb";
    work->job.resources.cpu = cpus;
    const Attempt attempt{.work = work, .item = "null"};
    return handler_->Run(attempt, parameters, nullptr, stop_.get_token());
  }

  std::string Path(const std::string& name) const {
    return folder_ + "/" + name;
  }

  void Write(const std::string& name, const std::vector<double>& numbers,
             size_t bytes_less = 0) const {
    std::ofstream file(Path(name), std::ios::binary);
    file.write(reinterpret_cast<const char*>(numbers.data()),
               static_cast<long>(numbers.size() * sizeof(double) - bytes_less));
  }

  std::vector<double> Read(const std::string& name) const {
    std::vector<double> numbers(std::filesystem::file_size(Path(name)) /
                                sizeof(double));
    std::ifstream file(Path(name), std::ios::binary);
    file.read(reinterpret_cast<char*>(numbers.data()),
              static_cast<long>(numbers.size() * sizeof(double)));
    return numbers;
  }

  std::string Files(const std::string& x = "x", const std::string& y = "y",
                    const std::string& to = "to") const {
    return "{\"a\":3,\"x\":" + JsonString(Path(x)) +
           ",\"y\":" + JsonString(Path(y)) + ",\"to\":" + JsonString(Path(to)) +
           "}";
  }

  // What is in the folder beside x and y.
  size_t OtherFiles() const {
    size_t others = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      const std::string name = entry.path().filename().string();
      if (name != "x" && name != "y") ++others;
    }
    return others;
  }

  const std::string folder_;
  const std::unique_ptr<BlockingHandler> handler_ = MakeVectorHandler();
  std::stop_source stop_;
};

TEST_F(VectorHandlerTest, SumIsThatOfAPlainLoopWithAnyNumberOfThreads) {
  constexpr size_t kCount = 1'000'003;
  double sum = 0;
  for (size_t i = 0; i < kCount; ++i) {
    sum += static_cast<double>(i % 1000) * 2 + static_cast<double>(i % 997) / 2;
  }
  for (const uint32_t cpus : {1u, 2u, 5u}) {
    const HandlerResult result = Run("{\"n\":1000003}", cpus);
    ASSERT_EQ(result.ending, Ending::kSucceeded) << result.error;
    // Halves of whole numbers: every sum of them is exact.
    EXPECT_EQ(std::stod(*JsonMember(result.output, "sum")), sum);
    EXPECT_EQ(JsonMember(result.output, "threads"), std::to_string(cpus));
    EXPECT_GT(std::stod(*JsonMember(result.output, "bytes_per_second")), 0);
  }
}

TEST_F(VectorHandlerTest, FilesAreComputedWhole) {
  const std::vector<double> x = Numbers(100'001, 0.7);
  const std::vector<double> y = Numbers(100'001, -0.3);
  Write("x", x);
  Write("y", y);
  for (const uint32_t cpus : {1u, 3u}) {
    const HandlerResult result = Run(Files(), cpus);
    ASSERT_EQ(result.ending, Ending::kSucceeded) << result.error;
    EXPECT_EQ(Read("to"), Plain(x, 3, y));
    EXPECT_EQ(result.bytes_out, 100'001u * 8);
    EXPECT_EQ(result.bytes_in, 100'001u * 16);
    EXPECT_EQ(OtherFiles(), 1u);  // nothing is left beside it
  }
}

TEST_F(VectorHandlerTest, ResultMayReplaceItsInput) {
  Write("x", {1, 2, 3});
  Write("y", {10, 20, 30});
  ASSERT_EQ(Run(Files("x", "y", "y")).error, "");
  EXPECT_EQ(Read("y"), (std::vector<double>{13, 26, 39}));
}

TEST_F(VectorHandlerTest, EmptyFilesMakeAnEmptyFile) {
  Write("x", {});
  Write("y", {});
  ASSERT_EQ(Run(Files()).error, "");
  EXPECT_TRUE(Read("to").empty());
}

TEST_F(VectorHandlerTest, FilesThatDoNotFitAreErrorsThatNameThem) {
  Write("x", {1, 2, 3});
  Write("y", {1, 2});
  EXPECT_EQ(Run(Files()).error,
            "x has 3 numbers and y has 2; both need as many");
  Write("y", {1, 2, 3}, 5);
  EXPECT_NE(Run(Files()).error.find("(y) has 19 bytes"), std::string::npos);
  EXPECT_NE(Run(Files("none")).error.find("none' (x)"), std::string::npos);
  EXPECT_NE(Run(Files("..")).error.find("(x) is no file"), std::string::npos);
  Write("y", {1, 2, 3});
  EXPECT_NE(Run(Files("x", "y", "no/to")).error.find("no/to"),
            std::string::npos);
  EXPECT_EQ(OtherFiles(), 0u);
}

TEST_F(VectorHandlerTest, ParametersThatMakeNoSenseAreErrors) {
  for (const char* parameters :
       {"{}", "[]", "{\"n\":0}", "{\"n\":-1}", "{\"n\":1.5}", "{\"n\":\"7\"}",
        "{\"n\":67108865}", "{\"n\":1,\"x\":\"/x\"}", "{\"n\":1,\"a\":\"2\"}",
        "{\"x\":\"/x\",\"y\":\"/y\"}",
        "{\"x\":\"x\",\"y\":\"/y\",\"to\":\"/to\"}"}) {
    EXPECT_EQ(Run(parameters).ending, Ending::kError) << parameters;
  }
}

TEST_F(VectorHandlerTest, AskedToStopItStopsAndLeavesNoFile) {
  Write("x", {1});
  Write("y", {1});
  stop_.request_stop();
  EXPECT_EQ(Run(Files()).ending, Ending::kCancelled);
  EXPECT_EQ(Run("{\"n\":1000}").ending, Ending::kCancelled);
  EXPECT_EQ(OtherFiles(), 0u);
}

}  // namespace
}  // namespace remuda
