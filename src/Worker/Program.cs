Console.WriteLine("consent-snapshots");
