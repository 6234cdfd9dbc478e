#include "wire/curve_key.h"

#include <gtest/gtest.h>
#include <zmq.h>

namespace remuda {
namespace {

TEST(CurveKeyTest, PairsAreNewAndBelongTogether) {
  const KeyPair one = MakeKeyPair();
  const KeyPair other = MakeKeyPair();
  EXPECT_NE(one.public_key, other.public_key);
  EXPECT_EQ(one.secret_key.DerivePublic(), one.public_key);
  EXPECT_NE(one.secret_key.DerivePublic(), other.public_key);
}

// libzmq derives the same half, so that what we make works with it.
TEST(CurveKeyTest, LibzmqAgrees) {
  const KeyPair pair = MakeKeyPair();
  char text[kKeyCharacters + 1] = {};
  ASSERT_EQ(zmq_curve_public(text, pair.secret_key.reveal().c_str()), 0);
  EXPECT_EQ(pair.public_key.text(), text);
}

TEST(CurveKeyTest, RefusesWhatIsNoKey) {
  const std::string good = MakeKeyPair().public_key.text();
  EXPECT_TRUE(PublicKey::Parse(good).ok());
  const std::string bad[] = {"",
                             good + "0",
                             good.substr(1),
                             good.substr(1) + " ",
                             good.substr(1) + "\xff",
                             std::string(kKeyCharacters, '#')};
  for (const std::string& text : bad) {
    EXPECT_FALSE(PublicKey::Parse(text).ok()) << text;
    EXPECT_FALSE(SecretKey::Parse(text).ok());
  }
}

TEST(CurveKeyTest, AnErrorDoesNotRepeatASecret) {
  const std::string almost = MakeKeyPair().secret_key.reveal() + "0";
  const std::string said =
      std::string(SecretKey::Parse(almost).status().message());
  EXPECT_EQ(said.find(almost.substr(0, 8)), std::string::npos) << said;
}

TEST(CurveKeyTest, CopiesAreOfTheirOwn) {
  const KeyPair pair = MakeKeyPair();
  SecretKey copy = MakeKeyPair().secret_key;
  {
    const SecretKey passing = pair.secret_key;
    copy = passing;
  }
  EXPECT_EQ(copy.reveal(), pair.secret_key.reveal());
}

}  // namespace
}  // namespace remuda
