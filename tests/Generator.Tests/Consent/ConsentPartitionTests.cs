using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Generator.Tests.Consent;

public sealed class ConsentPartitionTests
{
    [Fact]
    public void Split_RandomConditions_SetsShareAGroupExactlyWhereNoConditionTellsThemApart()
    {
        var random = new Random(20261123);
        for (var round = 0; round < 2_000; round++)
        {
            var conditions = Enumerable.Range(0, random.Next(6)).Select(_ => RandomCondition(random)).ToList();
            var partition = new ConsentPartition();
            foreach (var condition in conditions) partition.Split(condition);
            foreach (var left in ConsentSet.All)
                foreach (var right in ConsentSet.All)
                    Assert.Equal(conditions.TrueForAll(condition => condition.IsMetBy(left) == condition.IsMetBy(right)), partition[left] == partition[right]);
            var groups = ConsentSet.All.Select(set => partition[set]).ToList();
            Assert.Equal(Enumerable.Range(0, partition.Count), groups.Distinct());
            Assert.Equal(groups, partition.ToGroups());
            for (var group = 0; group < partition.Count; group++) Assert.Equal(groups.IndexOf(group), partition.First(group).Index);
        }
    }

    [Fact]
    public void Split_Numbers_SetsShareAGroupExactlyWhereTheyAlsoShareTheNumber()
    {
        var random = new Random(20261126);
        for (var round = 0; round < 2_000; round++)
        {
            var condition = RandomCondition(random);
            var numbers = ConsentSet.All.Select(_ => random.Next(4)).ToArray();
            var partition = new ConsentPartition();
            partition.Split(condition);
            partition.Split(numbers);
            foreach (var left in ConsentSet.All)
                foreach (var right in ConsentSet.All)
                    Assert.Equal(condition.IsMetBy(left) == condition.IsMetBy(right) && numbers[left.Index] == numbers[right.Index], partition[left] == partition[right]);
            Assert.Equal(Enumerable.Range(0, partition.Count), partition.ToGroups().Distinct());
        }
    }

    private static ConsentCondition RandomCondition(Random random)
    {
        var condition = ConsentCondition.AllOf(ConsentSet.FromIndex(random.Next(ConsentSet.Count)));
        for (var more = random.Next(3); more > 0; more--) condition |= ConsentCondition.AllOf(ConsentSet.FromIndex(random.Next(ConsentSet.Count)));
        return condition;
    }
}
