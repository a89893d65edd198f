-- What the page of compose.yaml begins with, where the table has no destinations yet. The identifiers are made up; vendors know none of them.
insert into destinations (organization_id, type, name, environment, settings, settings_encrypted, required_consent)
select '6f9619ff-8b86-d011-b42d-00cf4fc964ff', type, name, 'production', settings::jsonb, false, required_consent::text[]
from (values
    ('google-analytics', 'Web analytics', '{"measurementId": "G-SAMPLE1234"}', '{}'),
    ('posthog', 'Product analytics', '{"apiKey": "phc_sampleProjectKey", "region": "eu"}', '{}'),
    ('meta-pixel', 'Campaigns', '{"pixelId": "1234567890"}', '{}'),
    ('intercom', 'Chat', '{"appId": "sample12"}', '{}')) sample(type, name, settings, required_consent)
where not exists (select from destinations);
